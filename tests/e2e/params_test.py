# SPDX-License-Identifier: MIT OR Apache-2.0
"""Parameter files: made, recognised, refused, fetched; what is on disk afterwards."""
import http.server
import threading

import farm
from support import *



def development_is_recognised():
    folder = farm.parameters_folder()
    row = next(r for r in selkie("params", "list", "--folder", folder)["parameters"] if r["sector_size"] == "2KiB")
    equal((row["have_params"], row["have_vk"], row["development"], row["bytes"]), (True, True, True, 1114707768), "the listing")
    expect("032d3138d22506ec0082ed72b2dcba18df18477904e35bafee82b3793b06832f" in row["file"], "the official name")
    answer = selkie("params", "verify", "--folder", folder, "--sector-size", "2KiB")
    equal(answer["matches"], True, "the recorded digest")
    recorded = json.loads(load_plain(VECTORS / "params-2k.json"))
    equal(sha256_file(folder / (recorded["parameter_file"] + ".params")), recorded["params_sha256"], "SHA-256 of the parameter file")
    equal(sha256_file(folder / (recorded["parameter_file"] + ".vk")), recorded["vk_sha256"], "SHA-256 of the key file")
    refused = selkie("params", "generate", "--folder", folder, "--sector-size", "2KiB", status=1)
    equal(refused["error"]["code"], "exists", "a second generation")


def load_plain(path):
    gz = path.with_name(path.name + ".gz")
    return load(gz) if gz.exists() else path.read_bytes()


def development_is_refused():
    """Without being told, neither proving nor verifying uses them; also when the marker file is gone."""
    folder = farm.parameters_folder()
    rec = record("s-2k-data")
    with Folder() as work:
        (work / "c1.json").write_bytes(load(VECTORS / "s-2k-data" / "c1.json.gz"))
        (work / "proof").write_bytes(bytes.fromhex(rec["proof_partition0"]["proof"]))
        bare = work / "bare"
        bare.mkdir()
        for path in folder.iterdir():
            if not path.name.endswith(".development"):
                (bare / path.name).symlink_to(path)
        environment = {"SELKIE_DEVELOPMENT": ""}
        statement = [*proof_arguments(rec), "--miner", rec["miner_actor_id"], "--sector", rec["sector_number"], "--ticket", rec["ticket"],
                     "--seed", rec["seed"], "--comm-r", rec["comm_r"], "--comm-d", rec["comm_d"], "--proof", work / "proof"]
        for place in (folder, bare):
            for command in (["proof", "c2", "--c1", work / "c1.json", "--miner", 1000, "--sector", 1, "--out", work / "out"],
                            ["proof", "verify", *statement]):
                refused = selkie(*command, "--params", place, status=1, environment=environment)
                expect("development" in refused["error"]["message"], f"the refusal: {refused}")
            equal(selkie("proof", "verify", *statement, "--params", place, "--development")["valid"], True, "told so, it is used")
        expect(not (work / "out").exists(), "no proof was made")


class Mirror:
    """A web server with files of the published names and wrong bytes."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/parameters"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def fetched_bytes_are_checked():
    with Folder() as folder:
        into = folder / "params"
        with Mirror(lambda path: (200, b"not the parameters")) as mirror:
            refused = selkie("params", "fetch", "--sector-size", "2KiB", "--from", mirror.url, "--folder", into, status=1)
        equal(refused["error"]["code"], "protocol", f"wrong bytes: {refused}")
        with Mirror(lambda path: (404, b"gone")) as mirror:
            refused = selkie("params", "fetch", "--sector-size", "2KiB", "--from", mirror.url, "--folder", into, status=1)
        equal(refused["error"]["code"], "not-found", f"absent: {refused}")
        equal([p.name for p in into.iterdir()], [], "nothing is left")
        refused = selkie("params", "fetch", "--sector-size", "2KiB", "--from", mirror.url, "--folder", into, status=1)
        equal(refused["error"]["code"], "unreachable", f"no server: {refused}")
        source = folder / "mirror"
        source.mkdir()
        refused = selkie("params", "fetch", "--sector-size", "2KiB", "--from", source, "--folder", into, status=1)
        equal(refused["error"]["code"], "not-found", f"an empty folder: {refused}")
        refused = selkie("params", "fetch", "--sector-size", "16KiB", "--from", source, "--folder", into, status=1)
        equal(refused["error"]["code"], "unsupported", f"a size nobody published: {refused}")
        equal([p.name for p in into.iterdir()], [], "nothing is left")


if __name__ == "__main__":
    run_cases([("params-development-recognised", development_is_recognised), ("params-development-refused", development_is_refused),
               ("params-fetched-bytes-checked", fetched_bytes_are_checked)])
