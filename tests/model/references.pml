/* How deployments establish, confirm, close and delete references: docs/design/references.md.
 *
 * Each step below is one batch of one database, or one message taken in; everything else
 * interleaves. What isn't in a variable below is lost in a crash, and no step needs it: a process
 * that dies is one that takes no further step, at any point.
 *
 * Messages may be lost, repeated, or come after any later one: a message once sent can be taken in
 * at any time, any number of times, or never. So there are no channels. Where what a message says
 * stays true for ever of its sender's rows ("round 1 is over"), it is read off those rows when it is
 * taken in; the others are kept, as sets that only grow.
 *
 * Sizes, and which of the two worlds:
 *   world 1 (CASCADE 0): `LINKS` sources refer to one target.
 *   world 2 (CASCADE 1): deployment A has root T; B's resource X refers to T and goes along with it;
 *                        C's resources refer to X and block. Link 0 is B->T, link 1 is C->X.
 *   world 3 (INSIDE 1):  world 2, and C's resource Y refers to X and blocks, too, but also refers to
 *                        T and goes along with it. Link 2 is C->T. Nobody refers to Y.
 * A name lives up to LIVES times; life number and uid are the same here. */
#ifndef CASCADE
#define CASCADE 0
#endif
#ifndef INSIDE
#define INSIDE 0 /* only with CASCADE, LIVES 1, MEMBER_WRITES 0 */
#endif
#ifndef LINKS
#define LINKS (1 + CASCADE + INSIDE)
#endif
#ifndef WRITES
#define WRITES 3 /* of a client, each of which makes one reference */
#endif
#ifndef LIVES
#define LIVES 2
#endif
#ifndef ROUNDS
#define ROUNDS 2 /* closings in a life */
#endif

#include "rules.inc"

#define TARGETS (1 + CASCADE + INSIDE)
#define ROOT 0
#define MEMBER 1 /* X */
#define INSIDER 2 /* Y */
#if CASCADE
#ifndef MEMBER_WRITES
#define MEMBER_WRITES 1 /* that create X anew; the others refer to it */
#endif
#define target_of(l) ((l) == 1)
#define link_of(w) ((w) >= MEMBER_WRITES)
#define is_first(w) ((w) == 0 || (w) == MEMBER_WRITES)
#define is_next(w) (is_first(w) || write[(w) - 1] != IDLE)
#else
#define target_of(l) ROOT
#define link_of(w) ((w) % LINKS)
#define is_next(w) ((w) < LINKS || write[(w) - LINKS] != IDLE)
#endif

/* ---- rows of the target's database ---- */
mtype:state = { GONE, ACTIVE, CLOSING, DELETING };
mtype:state state[TARGETS] = GONE;
byte life[TARGETS];             /* the uid: of the row, or of the last one */
byte closings[TARGETS * LIVES]; /* by uid: its rounds so far; the last one is on if CLOSING */
byte source[LINKS];             /* back-reference source: the incarnation of its right; 0: none */
bit tentative[WRITES];          /* blockade with this write's token */
/* Of X and Y only: */
byte refers_to[TARGETS];        /* uid of T */
byte closed_for[TARGETS];       /* round of T that has closed it; 0: its own deletion */
byte asked_for[ROUNDS];         /* by round of X: the same, which the questions about X carry */
byte blocks;                    /* of Y: uid of X */

/* ---- rows of the source's database, rights by link and uid ---- */
mtype:right = { NONE, HELD, SUSPENDED };
mtype:right right[LINKS * LIVES] = NONE;
byte incarnation[LINKS * LIVES];  /* counts how often the right was taken */
byte suspended_by[LINKS * LIVES]; /* round */
mtype:token = { UNKNOWN, COMMITTED, FENCED };
mtype:token token[WRITES] = UNKNOWN;

/* ---- a write: what its API server knows, then its row ---- */
mtype:write = { IDLE, ASKED, BY_RIGHT, IN_FLIGHT, FAILED, STANDS, REMOVED };
mtype:write write[WRITES] = IDLE;
byte uid_of[WRITES];      /* what it refers to */
byte taken_as[WRITES];    /* incarnation that its batch noted; 0: it used a right that was there */

/* ---- messages that are kept ---- */
bit establish[WRITES];
byte granted[WRITES];     /* set of uids; kept as long as somebody waits for it */
bit no[WRITES];           /* answer of ResolveTokens */
bit settled[WRITES];      /* answer of ConfirmBlockades: no blockade is left */
int not_blocked[LINKS];   /* set of (uid, round); kept as long as it may count */
byte dropped[LINKS * LIVES]; /* newest incarnation of which a drop was sent */

bit settling;             /* faults have stopped: see settle.inc */

#define at(l, u) ((l) * LIVES + (u) - 1)
#define bit_of(u, r) (1 << (((u) - 1) * ROUNDS + (r) - 1))
#define any_round(u) (((1 << ROUNDS) - 1) << (((u) - 1) * ROUNDS))

/* "For one of the writes" and "of the links", spelled out. */
#if WRITES == 1
#define any_write(f, x, y) (f(0, x, y))
#elif WRITES == 2
#define any_write(f, x, y) (f(0, x, y) || f(1, x, y))
#elif WRITES == 3
#define any_write(f, x, y) (f(0, x, y) || f(1, x, y) || f(2, x, y))
#elif WRITES == 4
#define any_write(f, x, y) (f(0, x, y) || f(1, x, y) || f(2, x, y) || f(3, x, y))
#endif
#if INSIDE
#define all_links_to(t, f) (((t) == ROOT && f(0) && f(2)) || ((t) == MEMBER && f(1)) || (t) == INSIDER)
#elif CASCADE
#define all_links_to(t, f) (((t) == ROOT && f(0)) || ((t) == MEMBER && f(1)))
#elif LINKS == 1
#define all_links_to(t, f) (f(0))
#elif LINKS == 2
#define all_links_to(t, f) (f(0) && f(1))
#endif

/* Has round r of this uid begun; is it over without a decision; is the uid decided? Each of them
 * stays true for ever, so a message that says so is never kept. */
#define has_begun(t, u, r) (closings[at(t, u)] >= (r))
#define is_over(t, u, r) (closings[at(t, u)] > (r) || \
    (closings[at(t, u)] == (r) && life[t] == (u) && state[t] == ACTIVE))
#define is_decided(t, u) (life[t] > (u) || (life[t] == (u) && (state[t] == DELETING || state[t] == GONE)))

/* ---- the promises ---- */

#define is_there(t, u) (life[t] == (u) && (state[t] == ACTIVE || state[t] == CLOSING))
#define stands(w, l, u) (write[w] == STANDS && link_of(w) == (l) && uid_of[w] == (u))
/* What is DELETING has let go of its references. */
#define is_alive(t) (state[t] == ACTIVE || state[t] == CLOSING)
#define goes_along(t, u) (is_alive(t) && refers_to[t] == (u))
#if INSIDE
#define is_blocked_by_insider(u) (is_alive(INSIDER) && blocks == (u))
#else
#define is_blocked_by_insider(u) 0
#endif
#define stand(l, u) any_write(stands, l, u)
#if INSIDE
#define refers(l, u) ((l) == 1 -> (stand(1, u) || is_blocked_by_insider(u)) : goes_along(holder_of(l), u))
#elif CASCADE
#define refers(l, u) ((l) == 1 -> stand(1, u) : goes_along(MEMBER, u))
#else
#define refers(l, u) stand(l, u)
#endif
#define holder_of(l) ((l) == 0 -> MEMBER : INSIDER)
#define is_broken(w, x, y) (write[w] == STANDS && !is_there(target_of(link_of(w)), uid_of[w]))
/* Y doesn't count once the deletion that it is closed for is decided. */
#define is_inside (state[INSIDER] == CLOSING && closed_for[INSIDER] == closings[at(ROOT, 1)] && \
                   is_decided(ROOT, 1))

/* Who speaks, in a trail: deployments A (of T), B (of X, or the first source), C. */
#define name_of(t) ((t) == ROOT -> 84 : 87 + (t)) /* T, X, Y */
#define home_of(t) (65 + (t))
#if CASCADE
#define from(l) ((l) == 0 -> 66 : 67)
#else
#define from(l) (66 + (l))
#endif

#define broken_if(condition, what) \
  if :: condition -> printf(what); assert(false) :: else fi

/* No target of a committed BLOCK reference is ever DELETING or gone. */
inline promise() {
  broken_if(any_write(is_broken, 0, 0), "BROKEN: a blocking reference leads to what is DELETING or gone\n");
#if INSIDE
  broken_if(is_blocked_by_insider(1) && !is_there(MEMBER, 1) && !is_inside,
            "BROKEN: Y refers to X and blocks, but X is DELETING or gone\n")
#endif
}

#include "target.inc"
#include "source.inc"
#include "writer.inc"
#ifdef REST
#include "settle.inc"
#endif

init {
  atomic {
    /* Worlds 2 and 3 begin with T, X and Y there, and what they refer to. */
#if CASCADE
    state[ROOT] = ACTIVE;
    life[ROOT] = 1;
    state[MEMBER] = ACTIVE;
    life[MEMBER] = 1;
    refers_to[MEMBER] = 1;
    right[at(0, 1)] = HELD;
    incarnation[at(0, 1)] = 1;
    source[0] = 1;
#endif
#if INSIDE
    state[INSIDER] = ACTIVE;
    life[INSIDER] = 1;
    refers_to[INSIDER] = 1;
    blocks = 1;
    right[at(1, 1)] = HELD;
    incarnation[at(1, 1)] = 1;
    source[1] = 1;
    right[at(2, 1)] = HELD;
    incarnation[at(2, 1)] = 1;
    source[2] = 1;
#endif
    byte i, u;
    for (i : 0 .. TARGETS - 1) { run Target(i); }
    for (i : 0 .. LINKS - 1) {
      run Source(i);
      for (u : 1 .. LIVES) { run Right(i, u); }
    }
    for (i : 0 .. WRITES - 1) { run Writer(i); run Blockade(i); run Token(i); }
#if CASCADE
    for (u : 1 .. LIVES) { run Member(MEMBER, u); }
#endif
#if INSIDE
    run Member(INSIDER, 1);
    run Insider();
#endif
#ifdef REST
    run Settle();
#endif
    i = 0;
    u = 0;
  }
}
