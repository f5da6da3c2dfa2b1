#include "holdfast/batch/postgres/helpers.h"

#include "absl/strings/str_cat.h"

namespace holdfast::batch::postgres {
namespace {

// The values of a row in their order, each with the sign of its type before it: what failures.cc
// reads. Objects and arrays go as their text.
constexpr const char* kTagged = R"(
CREATE OR REPLACE FUNCTION holdfast_batch.tagged(seen json) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $hf$
  SELECT coalesce(array_agg(CASE json_typeof(value)
           WHEN 'null' THEN 'n'
           WHEN 'boolean' THEN CASE WHEN value::text = 'true' THEN 'i1' ELSE 'i0' END
           WHEN 'number' THEN CASE WHEN value::text ~ '^-?[0-9]+$' THEN 'i' ELSE 'd' END || value
           ELSE 's' || (json_build_array(value) ->> 0) END ORDER BY place), '{}')
  FROM json_each(seen) WITH ORDINALITY AS t(name, value, place)
  WHERE name NOT IN ('hf_ok', 'hf_position')
$hf$)";

// True: a set in another order than its bind rows, which the statement takes for a failure.
// counted: rows in all; binds: how many bind rows a set has, else null; seen: the rows, as JSON,
// where they are needed; vals: the parameters, of which a set has an array each.
constexpr const char* kFail = R"(
CREATE OR REPLACE FUNCTION holdfast_batch.fail(what text, wanted bigint, binds bigint, counted bigint,
                                               seen json, observe text, vals json)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $hf$
DECLARE
  place bigint := 1;
  shown json := (seen ->> 0)::json;  -- a JSON null is none
  p text[];
  observed text[] := '{}';
BEGIN
  IF binds IS NOT NULL THEN
    SELECT s.place, s.n, s.shown INTO place, counted, shown
    FROM (SELECT g AS place, count(e.v) AS n, (array_agg(e.v))[1] AS shown,
                 bool_and((e.v ->> 'hf_ok')::boolean) AS ok
          FROM generate_series(1, binds) AS g
          LEFT JOIN json_array_elements(seen) AS e(v) ON (e.v ->> 'hf_position')::bigint = g
          GROUP BY g) AS s
    WHERE CASE what WHEN 'exactly' THEN s.n <> wanted WHEN 'at_least' THEN s.n < wanted
          WHEN 'at_most' THEN s.n > wanted ELSE (s.n = 1 AND s.ok) IS NOT TRUE END
    ORDER BY s.place LIMIT 1;
    IF place IS NULL THEN
      IF EXISTS (SELECT FROM json_array_elements(seen) AS e(v)
                 WHERE ((e.v ->> 'hf_position')::bigint BETWEEN 1 AND binds) IS NOT TRUE) THEN
        RAISE EXCEPTION USING ERRCODE = 'HF003', MESSAGE = 'positions that no bind row has';
      END IF;
      RETURN true;
    END IF;
  END IF;
  IF what = 'guard' AND shown IS NOT NULL THEN
    observed := holdfast_batch.tagged(shown);
  ELSIF observe IS NOT NULL THEN
    SELECT array_agg(CASE WHEN binds IS NULL THEN t.v #>> '{}' ELSE t.v ->> (place - 1)::int END
                     ORDER BY t.i) INTO p
    FROM json_array_elements(vals) WITH ORDINALITY AS t(v, i);
    EXECUTE 'SELECT row_to_json(hf) FROM (' || observe || E'\n) AS hf LIMIT 1' INTO shown
      USING p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13],
            p[14], p[15], p[16], p[17], p[18], p[19], p[20], p[21], p[22], p[23], p[24], p[25],
            p[26], p[27], p[28], p[29], p[30], p[31], p[32];
    IF shown IS NOT NULL THEN
      observed := holdfast_batch.tagged(shown);
    END IF;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'HF001', MESSAGE = 'an expectation of a batch was not met',
    DETAIL = (ARRAY['i' || place - 1, 'i' || counted] || observed)::text;
END
$hf$)";

constexpr const char* kRehearsal = R"(
CREATE OR REPLACE FUNCTION holdfast_batch.rehearsed() RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $hf$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'HF002', MESSAGE = 'a rehearsal: nothing shall stay';
END
$hf$)";

constexpr const char* kKeys = R"(
CREATE TABLE IF NOT EXISTS holdfast_batch.idempotency (
  key text COLLATE "C" NOT NULL,
  attempt integer NOT NULL,
  state text NOT NULL CHECK (state IN ('committed', 'fenced')),
  request_hash bytea NOT NULL,
  answer bytea NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  made timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT idempotency_key PRIMARY KEY (key, attempt)
))";

}  // namespace

const std::vector<std::string>& HelperStatements() {
  static const std::vector<std::string> statements = {
      "CREATE SCHEMA IF NOT EXISTS holdfast_batch",
      kTagged,
      kFail,
      kRehearsal,
      kKeys,
      "CREATE INDEX IF NOT EXISTS idempotency_made ON holdfast_batch.idempotency (made)",
      "CREATE TABLE IF NOT EXISTS holdfast_batch.version (version bigint PRIMARY KEY)",
      absl::StrCat("INSERT INTO holdfast_batch.version VALUES (", kHelpersVersion,
                   ") ON CONFLICT DO NOTHING"),
  };
  return statements;
}

}  // namespace holdfast::batch::postgres
