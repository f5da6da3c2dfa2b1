#!/usr/bin/env python3
"""Clients that nobody here wrote do everything: buf over gRPC by reflection alone, curl over JSON.

Both go through the same story: create, list with filter and paging, update with mask and etag,
watch, transact, delete.
"""

import json
import os
import pathlib
import subprocess
import time

import harness

BUF = pathlib.Path(os.environ.get("NODE_PATH", harness.SOURCE / "tools/node/node_modules"),
                   ".bin/buf")
MAIN = "organizations/acme/projects/web/vpcs/main"


class Buf:
    """`buf curl` with nothing but the server's address: types come by reflection."""

    def __init__(self, address):
        self.address = address

    def command(self, method, request):
        return [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--data",
                json.dumps(request), f"http://{self.address}/{method}"]

    def call(self, method, request):
        done = subprocess.run(self.command(method, request), capture_output=True, text=True,
                              check=False, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout or "{}")

    def refused(self, method, request):
        try:
            self.call(method, request)
        except RuntimeError as error:
            return json.loads(str(error))
        raise AssertionError(f"{method} was not refused")

    def watch(self, method, request):
        return subprocess.Popen(self.command(method, request), stdout=subprocess.PIPE, text=True)


class Curl:
    """Plain curl."""

    def __init__(self, address):
        self.address = address

    def command(self, method, path, body=None):
        command = ["curl", "-sS", "-N", "-X", method, f"http://{self.address}{path}"]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return command

    def call(self, method, path, body=None):
        done = subprocess.run(self.command(method, path, body), capture_output=True, text=True,
                              check=True, timeout=60)
        return json.loads(done.stdout)

    def watch(self, path):
        return subprocess.Popen(self.command("GET", path), stdout=subprocess.PIPE, text=True)


def reason(error):
    """Of a google.rpc.Status in JSON, as buf and the gateway print it."""
    for detail in error.get("details", []):
        value = detail.get("debug", detail.get("value", detail))
        if isinstance(value, dict) and "reason" in value:
            return value["reason"]
    return None


def read_documents(stream, enough):
    """JSON documents, on one line each or indented, until `enough` says so."""
    decoder, buffer, documents = json.JSONDecoder(), "", []
    deadline = time.monotonic() + 30
    while not enough(documents):
        assert time.monotonic() < deadline, f"only {documents}"
        buffer += stream.readline()
        while buffer.strip():
            try:
                document, end = decoder.raw_decode(buffer.lstrip())
            except ValueError:
                break
            documents.append(document)
            buffer = buffer.lstrip()[end:]
    return documents


def changed_names(documents):
    return [change["name"] for document in documents
            for change in document.get("result", document).get("changes", [])]


def story_over_grpc(server):
    buf = Buf(server.grpc)
    service = "network.v1.{}Service/{}".format
    buf.call(service("Organization", "CreateOrganization"),
             {"organizationId": "acme", "organization": {"displayName": "ACME"}})
    buf.call(service("Project", "CreateProject"),
             {"parent": "organizations/acme", "projectId": "web", "project": {}})
    for i in range(5):
        buf.call(service("Vpc", "CreateVpc"), {
            "parent": "organizations/acme/projects/web", "vpcId": f"v{i}",
            "vpc": {"displayName": "even" if i % 2 == 0 else "odd", "dnsName": f"v{i}"}})
    parent = "organizations/acme/projects/web"
    first = buf.call(service("Vpc", "ListVpcs"),
                     {"parent": parent, "filter": 'display_name = "even"', "pageSize": 2})
    second = buf.call(service("Vpc", "ListVpcs"),
                      {"parent": parent, "filter": 'display_name = "even"', "pageSize": 2,
                       "pageToken": first["nextPageToken"]})
    names = [v["name"].rsplit("/", 1)[1] for v in first["vpcs"] + second["vpcs"]]
    assert names == ["v0", "v2", "v4"], names

    etag = first["vpcs"][0]["metadata"]["etag"]
    update = {"vpc": {"name": f"{parent}/vpcs/v0", "displayName": "new", "dnsName": "ignored",
                      "metadata": {"etag": etag}}, "updateMask": "displayName"}
    changed = buf.call(service("Vpc", "UpdateVpc"), update)
    assert changed["displayName"] == "new" and changed["dnsName"] == "v0", changed
    stale = buf.refused(service("Vpc", "UpdateVpc"), update)
    assert stale["code"] == "aborted", stale
    return buf, service, parent


def transact_and_watch_over_grpc(buf, service, parent):
    watch = buf.watch(service("Vpc", "WatchVpcs"), {"parent": parent})
    try:
        read_documents(watch.stdout, lambda ds: any(d.get("phase") == "CURRENT" for d in ds))
        buf.call("network.v1.Transactions/Transact", {"operations": [
            {"label": "make", "createVpc": {"parent": parent, "vpcId": "t1",
                                            "vpc": {"dnsName": "t1"}}},
            {"label": "drop", "deleteVpc": {"name": f"{parent}/vpcs/v4"}}]})
        seen = read_documents(
            watch.stdout,
            lambda ds: {f"{parent}/vpcs/t1", f"{parent}/vpcs/v4"} <= set(changed_names(ds)))
        assert seen
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()
    failed = buf.refused("network.v1.Transactions/Transact", {"operations": [
        {"label": "fine", "deleteVpc": {"name": f"{parent}/vpcs/v3"}},
        {"label": "wrong", "deleteVpc": {"name": f"{parent}/vpcs/none"}}]})
    assert failed["code"] == "not_found", failed
    buf.call(service("Vpc", "GetVpc"), {"name": f"{parent}/vpcs/v3"})
    buf.call(service("Vpc", "DeleteVpc"), {"name": f"{parent}/vpcs/v3"})
    gone = buf.refused(service("Vpc", "GetVpc"), {"name": f"{parent}/vpcs/v3"})
    assert gone["code"] == "not_found", gone


def story_over_json(server):
    curl = Curl(server.http)
    curl.call("POST", "/v1/organizations?organizationId=json", {"displayName": "JSON"})
    curl.call("POST", "/v1/organizations/json/projects?projectId=p", {})
    parent = "organizations/json/projects/p"
    for i in range(3):
        made = curl.call("POST", f"/v1/{parent}/vpcs?vpcId=v%2B{i}", {"dnsName": f"v{i}"})
        assert made["name"] == f"{parent}/vpcs/v+{i}", made
    page = curl.call("GET", f"/v1/{parent}/vpcs?pageSize=2&filter=dns_name%3D%22v*%22")
    rest = curl.call("GET", f"/v1/{parent}/vpcs?pageSize=2&filter=dns_name%3D%22v*%22&pageToken="
                     + page["nextPageToken"])
    assert len(page["vpcs"]) == 2 and len(rest["vpcs"]) == 1, (page, rest)
    vpc = page["vpcs"][0]
    body = {"displayName": "new", "metadata": {"etag": vpc["metadata"]["etag"]}}
    changed = curl.call("PATCH", f"/v1/{vpc['name']}?updateMask=displayName", body)
    assert changed["displayName"] == "new" and changed["dnsName"] == vpc["dnsName"], changed
    stale = curl.call("PATCH", f"/v1/{vpc['name']}?updateMask=displayName", body)
    assert reason(stale["error"]) == "ETAG_MISMATCH", stale

    watch = curl.watch(f"/v1/{parent}/vpcs:watch")
    try:
        read_documents(watch.stdout,
                       lambda ds: any(d["result"].get("phase") == "CURRENT" for d in ds))
        curl.call("POST", "/v1/network.example.com:transact", {"operations": [
            {"createVpc": {"parent": parent, "vpcId": "t", "vpc": {"dnsName": "t"}}},
            {"deleteVpc": {"name": vpc["name"]}}]})
        read_documents(watch.stdout, lambda ds: {f"{parent}/vpcs/t", vpc["name"]}
                       <= set(changed_names(ds)))
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()
    assert curl.call("DELETE", f"/v1/{parent}/vpcs/t") == {}
    gone = curl.call("GET", f"/v1/{parent}/vpcs/t")
    assert reason(gone["error"]) == "RESOURCE_NOT_FOUND", gone
    document = curl.call("GET", "/openapi.json")
    assert document["openapi"].startswith("3.") and document["paths"], document.keys()


def main():
    with harness.temporary_folder() as folder:
        server = harness.Server(folder, {"network.example.com": harness.NETWORK_PROTOS}).start()
        transact_and_watch_over_grpc(*story_over_grpc(server))
        story_over_json(server)
        assert server.stop() == 0
    print("buf and curl could do everything")
    harness.record("buf_by_reflection_and_curl_can_do_everything", "B11", "S24", "S25", "B6")


if __name__ == "__main__":
    main()
