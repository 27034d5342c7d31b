"""The image of deploy/Containerfile without an engine: its instructions are carried out in a bare system's folder, where the server then runs
as its user, alone with a network of its own, on a root file system that cannot be written."""

import json
import os
import shutil
from pathlib import Path

from containerfile import bare_system, carry_out, stages
from served import Served
from steps import BUILD, JOB, ROOT, Bench, Step, require, run

MOST_BYTES = 1.5e9
VOLUME = "/var/lib/sliceflow"


def bare(bench: Bench) -> str:
    bench.made["root"] = root = bench.folder / "root"
    return f"{bare_system(root)}, {tree_bytes(root) / 1e6:.0f} MB"


def tree_bytes(root: Path) -> int:
    return int(run("du", "--summarize", "--block-size=1", "--one-file-system", root).split()[0])


def image(bench: Bench) -> str:
    """The stage `server`, with this machine's build in the place of the builder's."""
    builder = bench.folder / "builder"
    for component in ("server", "cli"):
        run("cmake", "--install", BUILD, "--prefix", builder / "usr/local", "--strip", "--component", component)
    packages = run(ROOT / "deploy/runtime-packages", builder / "usr/local")
    (builder / "runtime-packages").write_text(packages)
    carry_out(stages()["server"], bench.made["root"], builder, deadline=600)
    size = tree_bytes(bench.made["root"])
    require(size <= MOST_BYTES, f"the image has {size / 1e9:.2f} GB")
    return f"{len(packages.split())} packages, {size / 1e6:.0f} MB in all"


# Mounts what a container has, read-only but for the volume, then becomes the server: process 1 of its own, without privileges.
ENTER = """
root=$1 volume=$2 target=$3 uid=$4 gid=$5; shift 5
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$volume" "$root$target"
mount -t proc proc "$root/proc"
for device in null zero urandom; do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
mount -o remount,bind,ro "$root"
ip link set lo up
exec chroot "$root" setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


def start(bench: Bench) -> Served:
    stage, volume = stages()["server"], bench.made["volume"]
    require(json.loads(stage.only("VOLUME")) == [VOLUME], f"the volume is not {VOLUME}")
    uid, gid = stage.only("USER").split(":")
    settings = stage.environment() | {"SLICEFLOWD_INSECURE": "true", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    bench.made["environment"] = words = ["env", "-i", *(f"{name}={value}" for name, value in settings.items())]
    server = [*words, *stage.command("ENTRYPOINT"), "--ready-file", f"{VOLUME}/ready.json"]
    # A container's processes see a file system, a network and processes of their own.
    namespaces = ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    command = [*namespaces, "bash", "-ec", ENTER, "bash", bench.made["root"], volume, VOLUME, uid, gid, *server]
    served = Served(command, volume / "ready.json", bench.folder / "daemon.log")
    bench.stack.callback(served.kill)
    bench.made["served"] = served
    # unshare waits for its only child, which became the server.
    served.pid = int(Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text())
    return served


def inside(bench: Bench, *command: str, expect: int | None = 0) -> str:
    """Runs a command in the running container, as the server's user."""
    served = bench.made["served"]
    uid, gid = stages()["server"].only("USER").split(":")
    enter = ["nsenter", "--target", served.pid, "--mount", "--net", "--pid", "chroot", f"--userspec={uid}:{gid}", bench.made["root"]]
    return run(*enter, *bench.made["environment"], *command, expect=expect)


def serve(bench: Bench) -> str:
    volume = bench.made["volume"] = bench.folder / "volume"
    volume.mkdir(mode=0o700)
    shutil.copy(JOB, volume / "job.yaml")
    uid, gid = (int(number) for number in stages()["server"].only("USER").split(":"))
    for path in (volume, volume / "job.yaml"):
        os.chown(path, uid, gid)
    served = start(bench)
    require(served.grpc == "0.0.0.0:50051", f"it serves on {served.grpc}")
    status = dict(line.split(":", 1) for line in Path(f"/proc/{served.pid}/status").read_text().splitlines())
    require(status["Uid"].split() == [str(uid)] * 4 and int(status["CapBnd"], 16) == 0, f"its user and capabilities are {status['Uid']}, {status['CapBnd']}")
    require(status["NSpid"].split()[-1] == "1", "it is not process 1")
    return f"user {uid}, process 1, no capabilities"


def refuse(bench: Bench) -> str:
    """Without SLICEFLOWD_INSECURE the image's own settings are refused, since they have neither TLS nor tokens."""
    environment = [word for word in bench.made["environment"] if not word.startswith("SLICEFLOWD_INSECURE")]
    bench.made["environment"], kept = environment, bench.made["environment"]
    said = inside(bench, "sliceflowd", expect=2)
    bench.made["environment"] = kept
    require("without TLS" in said, said)
    return "exit code 2, says what is missing"


def read_only(bench: Bench) -> str:
    folders = ("/", "/etc", "/tmp", "/run", "/usr/local/bin", "/var", "/var/lib", "/dev")
    for folder in folders:
        said = inside(bench, "touch", f"{folder}/written", expect=1)
        require("Read-only file system" in said, f"{folder}: {said}")
    inside(bench, "touch", f"{VOLUME}/written")
    return f"{len(folders)} folders refuse a file, the volume takes one"


def health(bench: Bench) -> str:
    said = inside(bench, *stages()["server"].command("HEALTHCHECK"))
    require(said == "ready\n", said)
    return "exit code 0"


def job(bench: Bench) -> str:
    name = json.loads(inside(bench, "sliceflow", "submit", f"{VOLUME}/job.yaml", "--json"))["name"]
    inside(bench, "sliceflow", "watch", name)
    bench.made["job"] = name
    require_success(bench)
    cages = [line for line in bench.made["served"].told().splitlines() if "system-call filter" in line]
    require(cages, "no worker told of its cage")
    return f"{name} succeeded; the worker's cage: {cages[0].split('no_new_privs', 1)[-1].strip(', ')}"


def require_success(bench: Bench) -> None:
    state = json.loads(inside(bench, "sliceflow", "get", bench.made["job"], "--json"))["state"]
    require(state == "SUCCEEDED", f"{bench.made['job']} is {state}")


def stop(bench: Bench) -> str:
    served = bench.made["served"]
    require(stages()["server"].only("STOPSIGNAL") == "SIGTERM", "the image is stopped otherwise")
    run("kill", "-TERM", served.pid)
    code = served.process.wait(30)
    require(code == 0, f"exit code {code}:\n{served.told()}")
    return "exit code 0"


def again(bench: Bench) -> str:
    """Another container on the same volume."""
    start(bench)
    require_success(bench)
    stop(bench)
    left = [path.name for path in bench.made["volume"].iterdir() if path.name.startswith("sliceflow-")]
    require(not left, f"folders of sockets are left: {left}")
    return "the job is there"


def build(bench: Bench) -> str:
    root = bench.folder / "build-root"
    bare_system(root)
    carry_out(stages()["builder"], root, None, deadline=7200)
    bench.made["builder"] = root
    return f"{tree_bytes(root) / 1e9:.1f} GB with compilers"


def built_image(bench: Bench) -> str:
    bare(bench)
    carry_out(stages()["server"], bench.made["root"], bench.made["builder"], deadline=600)
    return f"{tree_bytes(bench.made['root']) / 1e6:.0f} MB"


RUNNING = [
    Step("container, start", "the image's user, environment and entry point in namespaces of their own, root file system read-only", serve),
    Step("container, no protection", "the same without `SLICEFLOWD_INSECURE`", refuse),
    Step("container, read-only", "`touch` as the server's user in eight folders and in the volume", read_only),
    Step("container, health check", "the image's `HEALTHCHECK` in the running container", health),
    Step("container, a job", "`sliceflow submit` and `watch` in the running container", job),
    Step("container, stop", "the image's `STOPSIGNAL`", stop),
    Step("container, another on the volume", "started again, the job looked up, stopped", again),
]
STEPS = [
    Step("base image", "debootstrap of the smallest system into a folder", bare),
    Step("image", "the instructions of the stage `server` carried out there, with this build", image),
    *RUNNING,
]
BUILD_STEPS = [
    Step("image, builder", "the instructions of the stage `builder` carried out in a bare system, from nothing", build),
    Step("image from that builder", "the instructions of the stage `server`, with what the builder made", built_image),
    *RUNNING,
]
