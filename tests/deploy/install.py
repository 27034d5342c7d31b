"""`cmake --install`: the tree is moved, serves from where it then is, and is linked by a project of its own."""

import os
import urllib.request

from served import Served, run_job
from steps import BUILD, ROOT, Bench, Step, require, run


def install(bench: Bench) -> str:
    first = bench.folder / "first"
    run("cmake", "--install", BUILD, "--prefix", first, "--strip")
    unit = (first / "lib/systemd/system/sliceflowd.service").read_text()
    require(f"ExecStart={first}/bin/sliceflowd\n" in unit, "the unit does not start what was installed")
    workers = (first / "lib/systemd/system/sliceflow-worker@.service").read_text()
    require(f"ExecStart={first}/bin/sliceflow-worker --lane %i " in workers, "the workers' unit does not start what was installed")
    prefix = bench.folder / "elsewhere" / "tree"
    prefix.parent.mkdir()
    first.rename(prefix)
    bench.made["prefix"] = prefix
    size = sum(path.stat().st_size for path in prefix.rglob("*") if path.is_file())
    return f"{size / 1e6:.0f} MB"


def libraries(bench: Bench) -> str:
    """What the programs load is in the tree or of the system, never in the folder that they were built in."""
    prefix = bench.made["prefix"]
    count = 0
    for name in ("sliceflowd", "sliceflow-worker", "sliceflow"):
        for line in run("ldd", prefix / "bin" / name).splitlines():
            require("not found" not in line, f"{name}: {line.strip()}")
            place = line.split(" => ")[-1].split(" (")[0].strip()
            inside = os.path.normpath(place).startswith(f"{prefix}/")
            require(inside or place.startswith(("linux-vdso", "/lib", "/usr/lib")), f"{name} loads {place}")
            count += inside
    require(count >= 5, f"only {count} libraries are taken from the tree")
    return f"{count} libraries from the tree, the others of the system"


def serve(bench: Bench) -> str:
    prefix, ready = bench.made["prefix"], bench.folder / "ready.json"
    daemon = Served(
        [prefix / "bin/sliceflowd", "--data-dir", bench.folder / "data", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--ready-file", ready],
        ready,
        bench.folder / "daemon.log",
        env={"PATH": "/usr/bin:/bin"},
    )
    bench.stack.callback(daemon.kill)
    bench.made["daemon"] = daemon
    with urllib.request.urlopen(f"http://{daemon.http}/", timeout=10) as page:
        require(b"<title>" in page.read(), "the dashboard is not served")
    return "ready, the dashboard is served"


def health(bench: Bench) -> str:
    sliceflowd, daemon = bench.made["prefix"] / "bin/sliceflowd", bench.made["daemon"]
    require(run(sliceflowd, "health", "--http", daemon.http) == "ready\n", "health does not say that it is ready")
    require("no daemon answers" in run(sliceflowd, "health", "--http", "127.0.0.1:9", expect=1), "health does not say that nobody answers")
    require("http: must name" in run(sliceflowd, "health", expect=2), "health does not ask for the port")
    return "exit code 0 beside a daemon, 1 without, 2 without a port"


def job(bench: Bench) -> str:
    return f"{run_job([bench.made['prefix'] / 'bin/sliceflow'], bench.made['daemon'].grpc)} succeeded"


def link(bench: Bench) -> str:
    folder = bench.folder / "example"
    run("cmake", "-S", ROOT / "examples/cpp_client", "-B", folder, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={bench.made['prefix']}")
    run("cmake", "--build", folder, deadline=300)
    said = run(folder / "follow_job", bench.made["daemon"].grpc)
    require("SUCCEEDED" in said and "mean of 1000 samples:" in said, said)
    return said.splitlines()[-1]


def stop(bench: Bench) -> str:
    return f"exit code 0 after {bench.made['daemon'].stop():.1f} s"


STEPS = [
    Step("install from source", "`cmake --install` into a folder, which is then moved", install),
    Step("installed libraries", "`ldd` of every program", libraries),
    Step("installed server", "started from the moved folder with an empty environment", serve),
    Step("health check", "`sliceflowd health` with and without a daemon", health),
    Step("installed command line", "`sliceflow submit` and `watch` of a job", job),
    Step("C++ client", "`examples/cpp_client` built by `find_package(sliceflow)` and run against the server", link),
    Step("stop", "SIGTERM", stop),
]
