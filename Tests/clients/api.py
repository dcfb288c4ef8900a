"""Asks a server everything that templates/openapi.yaml describes, with schemathesis: valid requests, broken ones, other methods.

    api.py DESCRIPTION URL ROLE EXAMPLES [TOKEN]

ROLE is what the caller may do: `all`, `view` (may look, and is refused every change), `none` (may ask whether the server lives), or an
app's name (its owner, to whom no other app is there). Fails on an answer that is not described, or that this caller should not get; else
its last line is how often each operation was answered with which status, as JSON.
schemathesis loads this file too, for the hooks below. Paths that end the server, or change its program, are called at last, once.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import requests

ROLE = os.environ.get("API_ROLE", "")
RECORD = os.environ.get("API_RECORD", "")
PUBLIC = ["/livez", "/readyz"]
LAST = ["/upgrade", "/stop"]
# Always the same; another one finds other things.
SEED = os.environ.get("API_SEED", "4711")
# For parameters of paths: some of what the server has, and something else.
KNOWN = {
    "App": ["app", "site", "-", "gone"], "Deploy": [1, 2, 99],
    "Operation": ["restart-1", "restart-2", "deploy-1", "deploy-2", "nothing"],
}
REFS = ["main", "nothing", "-x", ""]

SETTINGS = """
hooks = {hooks}

[checks.negative_data_rejection]
# A number that nothing has is not found, whatever else is wrong with it, and an app in place refuses before it looks further.
expected-statuses = [400, 401, 403, 404, 405, 409, 413, 422]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 404, 409, 422]
"""


def main():
    description, url, role, examples, *token = sys.argv[1:]
    checks = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
              "response_schema_conformance", "unsupported_method", "allow_header_conformance", "lines_conform", "is_allowed"]
    if role == "all":
        checks += ["negative_data_rejection", "positive_data_acceptance"]
    with tempfile.TemporaryDirectory() as directory:
        settings = Path(directory, "schemathesis.toml")
        settings.write_text(SETTINGS.format(hooks=json.dumps(str(Path(__file__).resolve()))))
        command = [
            str(Path(sys.executable).with_name("st")), "--config-file", str(settings), "--no-color", "run", description,
            "--url", url, "--phases", "examples,coverage,fuzzing", "--max-examples", examples, "--seed", SEED,
            "--checks", ",".join(checks), "--request-timeout", "60", "--warnings", "off", "--continue-on-failure",
            "--generation-database", "none", "--generation-with-security-parameters", "false", "--suppress-health-check", "all", "--no-shrink",
        ]
        if token:
            command += ["--header", f"Authorization: Bearer {token[0]}"]
        if role == "all":
            for path in LAST:
                command += ["--exclude-path", path]
        environment = os.environ | {"API_ROLE": role, "API_RECORD": str(Path(directory, "record")), "NO_PROXY": "*", "no_proxy": "*"}
        end = subprocess.run(command, cwd=directory, env=environment, check=False)
        if end.returncode:
            sys.exit(end.returncode)
        counts = {}
        for line in Path(directory, "record").read_text().splitlines():
            operation, status = line.rsplit(" ", 1)
            statuses = counts.setdefault(operation, {})
            statuses[status] = statuses.get(status, 0) + 1
    if role == "all":
        finish(description, url, token[0])
    print(json.dumps(counts))


def finish(description, url, token):
    """What chance does not find, or not surely: operations from beginning to end, a worker that there is, an archive, a log that is
    followed; and what ends the server."""
    import schemathesis
    from schemathesis.specs.openapi.checks import ignored_auth

    schema = schemathesis.openapi.from_path(description)
    schema.config.update(base_url=url)
    headers = {"Authorization": f"Bearer {token}"}

    def call(method, path, **more):
        # That check would try wrong tokens, until nobody here is listened to.
        answer = schema[path][method].Case(headers=headers, **more).call_and_validate(
            timeout=90, excluded_checks=[ignored_auth])
        assert answer.status_code in (200, 202), f"{method} {path}: {answer.status_code} {answer.text}"
        print(method, path, answer.status_code)
        return answer

    def order(path, body):
        """And what becomes of it, event by event."""
        accepted = call("POST", "/apps/{app}/" + path, path_parameters={"app": "site"}, body=body).json()
        events = "/apps/{app}/operations/{id}/events"
        answer = call("GET", events, path_parameters={"app": "site", "id": accepted["operation"]})
        last = validate(schema.raw_schema, events, answer.text)[-1]
        assert last["event"] == "finished" and "failure" not in last["result"], f"{path}: {last}"

    for app in ("app", "site"):
        call("POST", "/apps/{app}/resume", path_parameters={"app": app})
        call("POST", "/apps/{app}/scale", path_parameters={"app": app}, body={})
    call("POST", "/apps/{app}/unlock", path_parameters={"app": "site"}, body={})
    deadline = time.monotonic() + 90
    while any("operation" in app for app in call("GET", "/status").json()["apps"]):
        assert time.monotonic() < deadline, "an operation does not end"
        time.sleep(0.2)
    order("deploys", {"force": True, "ref": "main"})
    order("rollback", {"force": True})
    order("restart", {})
    order("env", {"set": {"API_TEST": "1"}})

    apps = call("GET", "/status").json()["apps"]
    worker = next(worker for app in apps if app["name"] == "app" for generation in app["generations"]
                  if generation["state"] == "live" for worker in generation["workers"])
    call("POST", "/apps/{app}/workers/{pid}/detach", path_parameters={"app": "app", "pid": worker["pid"]})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        entry = tarfile.TarInfo("passenger_wsgi.py")
        file.addfile(entry)
    call("PUT", "/apps/{app}/archive", path_parameters={"app": "site"}, body=archive.getvalue())
    logs = call("GET", "/apps/{app}/logs", path_parameters={"app": "app"}).text
    assert validate(schema.raw_schema, "/apps/{app}/logs", logs), "the app has written something"
    with requests.get(f"{url}/apps/app/logs?follow=true", headers=headers, stream=True, timeout=90) as log:
        assert log.status_code == 200 and log.headers["Content-Type"] == "application/x-ndjson", log.headers
    for path in LAST:
        call("POST", path)


def validate(description, path, text):
    """Lines of a stream, each by itself. Returns them."""
    import jsonschema_rs

    content = description["paths"][path]["get"]["responses"]["200"]["content"]
    schema = content["application/x-ndjson"]["schema"] | {"components": description["components"]}
    validator = jsonschema_rs.validator_for(schema)
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        validator.validate(line)
    return lines


def register():
    import schemathesis

    @schemathesis.hook
    def before_load_schema(context, raw_schema):
        """Chance alone would never name what there is."""
        for name, values in KNOWN.items():
            raw_schema["components"]["parameters"][name]["schema"] = {
                "type": "integer" if isinstance(values[0], int) else "string", "enum": values}

    @schemathesis.hook
    def before_call(context, case, kwargs):
        """Keeps out of valid requests what has no end, and what is somebody else's."""
        if case.query and case.query.get("follow") in (True, "true"):
            case.query["follow"] = "false"
        body = case.body
        if isinstance(body, dict) and "deploys" in case.operation.path:
            # Both take as long as the deploy before, or the canary's time.
            if body.get("wait") is True:
                body["wait"] = False
            if isinstance(body.get("canary_percent"), (int, float)) and 0 < body["canary_percent"] < 100:
                body["canary_percent"] = None
            if isinstance(body.get("repo"), str):
                body["repo"] = "/nowhere"
            if isinstance(body.get("ref"), str):
                body["ref"] = REFS[len(body["ref"]) % len(REFS)]

    @schemathesis.hook
    def after_call(context, case, response):
        with open(RECORD, "a", encoding="utf-8") as record:
            record.write(f"{response.request.method} {case.operation.path} {response.status_code}\n")

    @schemathesis.check
    def lines_conform(context, response, case):
        """Each line of a stream is what the description says of one."""
        if response.status_code != 200 or "ndjson" not in response.headers.get("content-type", [""])[0]:
            return
        validate(case.operation.schema.raw_schema, case.operation.path, response.text)

    @schemathesis.check
    def is_allowed(context, response, case):
        """What this caller may do is done, and nothing else."""
        status, path, method = response.status_code, case.operation.path, response.request.method
        assert status != 429, "the server listens to this caller no more"
        if ROLE == "none":
            is_public = response.request.url.split("?")[0].endswith(tuple(PUBLIC)) and method == "GET"
            # Which methods those two paths take is no secret.
            wanted = [200, 503] if is_public else [401, 403] + ([405] if path in PUBLIC else [])
            assert status in wanted, f"a stranger got {status} for {method} {path}"
        elif ROLE == "view":
            role = case.operation.definition.raw.get("x-role")
            if method == "GET" and case.method == "GET" and role in ("view", "none"):
                assert status not in (401, 403), f"{status} for looking at {path}"
            else:
                assert status in (401, 403, 404, 405), f"who may only look got {status} for {method} {path}"
        elif ROLE == "all":
            assert status not in (401, 403), f"{status} for {method} {path}"
        else:
            role = case.operation.definition.raw.get("x-role")
            text = response.text
            other = "site" if ROLE == "app" else "app"
            asked = (case.path_parameters or {}).get("app")
            if role == "all" or asked == other:
                assert status in (403, 404, 405), f"the owner of {ROLE} got {status} for {method} {path} of {asked}"
            assert f'"{other}"' not in text.replace(f'There is no app \\"{other}', ""), f"{path} tells of {other}"


if __name__ == "__main__":
    main()
else:
    register()
