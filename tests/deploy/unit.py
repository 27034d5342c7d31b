"""The unit of systemd in a machine of its own: a system that is booted in a folder, where sliceflow was installed from source."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from containerfile import bare_system, in_root
from steps import BUILD, DEADLINE, JOB, ROOT, Bench, Step, require, run

HTTP = "127.0.0.1:8080"
MOST_EXPOSED = 2.0  # of systemd-analyze's ten; it calls what is below "OK" or better


def system(bench: Bench) -> str:
    bench.made["root"] = root = bench.folder / "machine"
    return f"{bare_system(root, 'systemd', 'systemd-sysv', 'dbus')} with systemd"


def install(bench: Bench) -> str:
    """As docs/howto/deploy.md tells it, in a folder instead of on a machine."""
    root = bench.made["root"]
    run("cmake", "--install", BUILD, "--prefix", "/usr/local", "--strip", env=os.environ | {"DESTDIR": str(root)})
    packages = run(ROOT / "deploy/runtime-packages", root / "usr/local").split()
    in_root(root, f"apt-get update && apt-get install -y --no-install-recommends {' '.join(packages)}", deadline=600)
    in_root(root, "systemd-sysusers && systemctl enable sliceflowd", deadline=60)
    (root / "etc/sliceflow").mkdir()
    (root / "etc/sliceflow/environment").write_text(f"SLICEFLOWD_HTTP={HTTP}\n")
    shutil.copy(JOB, root / "opt/job.yaml")
    verified = in_root(
        root, "cd /usr/local/lib/systemd/system && systemd-analyze verify sliceflowd.service sliceflow-worker@flow.service", deadline=60
    )
    require(not verified.strip(), verified)
    return "installed, the user made, the unit enabled and verified"


def inside(bench: Bench, *command: str, expect: int | None = 0) -> str:
    return run("nsenter", "--target", bench.made["leader"], "--all", *command, expect=expect)


def state(bench: Bench) -> dict[str, str]:
    shown = inside(bench, "systemctl", "show", "sliceflowd")
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def wait_until(bench: Bench, what: str, holds: object) -> None:
    give_up = time.monotonic() + DEADLINE
    while not holds():
        require(time.monotonic() < give_up, f"never {what}:\n{inside(bench, 'journalctl', '--unit', 'sliceflowd', '--no-pager')}")
        time.sleep(0.3)


def ready(bench: Bench) -> bool:
    enter = ["nsenter", "--target", str(bench.made["leader"]), "--all"]
    asked = subprocess.run([*enter, "/usr/local/bin/sliceflowd", "health", "--http", HTTP], capture_output=True, timeout=DEADLINE)
    return asked.returncode == 0


def boot(bench: Bench) -> str:
    with open(bench.folder / "console.log", "wb") as console:
        machine = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network", f"--directory={bench.made['root']}"],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            # Only the unit's own filter of system calls is to count.
            env=os.environ | {"SYSTEMD_SECCOMP": "0"},
        )
    bench.stack.callback(machine.wait, DEADLINE)
    bench.stack.callback(machine.terminate)
    children = Path(f"/proc/{machine.pid}/task/{machine.pid}/children")

    def booted() -> bool:
        require(machine.poll() is None, (bench.folder / "console.log").read_text(errors="replace"))
        found = children.read_text().split()
        return bool(found) and Path(f"/proc/{found[0]}/comm").read_text().strip() == "systemd"

    give_up = time.monotonic() + DEADLINE
    while not booted():
        require(time.monotonic() < give_up, "the machine did not boot")
        time.sleep(0.1)
    bench.made["leader"] = int(children.read_text().split()[0])
    wait_until(bench, "ready", lambda: ready(bench))
    now = state(bench)
    require(now["ActiveState"] == "active" and now["User"] == "sliceflow", f"{now['ActiveState']} as {now['User']}")
    return "active after the boot, ready"


def cages_told(bench: Bench) -> list[str]:
    lines = inside(bench, "journalctl", "--unit", "sliceflowd", "--no-pager").splitlines()
    return [line for line in lines if "system-call filter" in line]


def caged(bench: Bench) -> str:
    status = inside(bench, "cat", f"/proc/{state(bench)['MainPID']}/status")
    found = {line.split(":")[0]: line.split(":", 1)[1].strip() for line in status.splitlines()}
    require(found["NoNewPrivs"] == "1" and found["Seccomp"] == "2" and int(found["CapBnd"], 16) == 0, status)
    line = inside(bench, "systemd-analyze", "security", "--no-pager", "sliceflowd").strip().splitlines()[-1]
    exposed = float(line.split(":")[1].split()[0])
    require(exposed <= MOST_EXPOSED, line)
    wait_until(bench, "told of a worker's cage", lambda: cages_told(bench))
    said = cages_told(bench)
    return f"exposure {exposed} of 10; the worker's own cage: {said[0].split('no_new_privs', 1)[-1].strip(', ')}"


def job(bench: Bench) -> str:
    name = json.loads(inside(bench, "/usr/local/bin/sliceflow", "submit", "/opt/job.yaml", "--json"))["name"]
    inside(bench, "/usr/local/bin/sliceflow", "watch", name)
    bench.made["job"] = name
    return succeeded(bench)


def succeeded(bench: Bench) -> str:
    found = json.loads(inside(bench, "/usr/local/bin/sliceflow", "get", bench.made["job"], "--json"))["state"]
    require(found == "SUCCEEDED", f"{bench.made['job']} is {found}")
    return f"{bench.made['job']} succeeded"


def killed(bench: Bench) -> str:
    before = state(bench)["MainPID"]
    inside(bench, "systemctl", "kill", "--signal=KILL", "--kill-whom=main", "sliceflowd")
    wait_until(bench, "started again", lambda: state(bench)["MainPID"] not in ("0", before) and ready(bench))
    succeeded(bench)
    return "started again, the job is there"


def backup(bench: Bench) -> str:
    """As the server's user, beside the running daemon, then restored elsewhere and checked."""
    as_user = ("setpriv", "--reuid=sliceflow", "--regid=sliceflow", "--clear-groups", "/usr/local/bin/sliceflowd")
    kept, again = "/var/lib/sliceflow-backup/one", "/var/lib/sliceflow-backup/again"
    inside(bench, "install", "-d", "-o", "sliceflow", "-g", "sliceflow", "-m", "0700", "/var/lib/sliceflow-backup")
    inside(bench, *as_user, "backup", "--data-dir", "/var/lib/sliceflow", "--to", kept)
    inside(bench, *as_user, "restore", "--from", kept, "--data-dir", again)
    inside(bench, *as_user, "check", "--data-dir", again)
    return "backed up while it serves, restored, sound"


def worker(bench: Bench) -> str:
    """Workers by their own unit, over mTLS to the server of the same machine, which then starts none itself."""
    root, secrets = bench.made["root"], "/etc/sliceflow/tls"
    (root / secrets.lstrip("/")).mkdir()
    own = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc"
    for name in ("server", "workers"):
        where = f"{root}{secrets}/{name}"
        run(
            *f"openssl req -x509 {own} -days 2 -subj /CN={name} -addext subjectAltName=DNS:localhost -keyout {where}.key -out {where}.crt".split(),
        )
    where = f"{root}{secrets}/worker"
    run(*f"openssl req {own} -subj /CN=worker -keyout {where}.key -out {where}.csr".split())
    authority = f"{root}{secrets}/workers"
    run(*f"openssl x509 -req -days 2 -CAcreateserial -in {where}.csr -CA {authority}.crt -CAkey {authority}.key -out {where}.crt".split())
    inside(bench, "chown", "--recursive", "sliceflow", secrets)
    (root / "etc/sliceflow/environment").write_text(
        f"SLICEFLOWD_HTTP={HTTP}\nSLICEFLOWD_HTTP_TLS=off\nSLICEFLOWD_TLS_CERT={secrets}/server.crt\nSLICEFLOWD_TLS_KEY={secrets}/server.key\n"
        f"SLICEFLOWD_WORKERS_LISTEN=127.0.0.1:50052\nSLICEFLOWD_WORKERS_CLIENT_CA={secrets}/workers.crt\nSLICEFLOWD_WORKERS_LOCAL=none\n"
    )
    files = f"--ca {secrets}/server.crt --cert {secrets}/worker.crt --key {secrets}/worker.key"
    (root / "etc/sliceflow/worker").write_text(f"SLICEFLOW_WORKER_ARGUMENTS=--connect localhost:50052 {files}\n")
    inside(bench, "systemctl", "restart", "sliceflowd")
    inside(bench, "systemctl", "start", "sliceflow-worker@flow", "sliceflow-worker@query")
    wait_until(bench, "ready", lambda: ready(bench))
    cli = ("/usr/local/bin/sliceflow", "--server", "localhost:50051", "--tls-ca", f"{secrets}/server.crt")
    name = json.loads(inside(bench, *cli, "submit", "/opt/job.yaml", "--json"))["name"]
    inside(bench, *cli, "watch", name)
    before = inside(bench, "systemctl", "show", "--property=MainPID", "--value", "sliceflow-worker@flow").strip()
    inside(bench, "systemctl", "restart", "sliceflowd")
    main = ("systemctl", "show", "--property=MainPID", "--value", "sliceflow-worker@flow")
    wait_until(bench, "attached again", lambda: inside(bench, *main).strip() not in ("0", before) and ready(bench))
    name = json.loads(inside(bench, *cli, "submit", "/opt/job.yaml", "--json"))["name"]
    inside(bench, *cli, "watch", name)
    line = inside(bench, "systemd-analyze", "security", "--no-pager", "sliceflow-worker@flow").strip().splitlines()[-1]
    exposed = float(line.split(":")[1].split()[0])
    require(exposed <= MOST_EXPOSED, line)
    inside(bench, "systemctl", "stop", "sliceflow-worker@flow", "sliceflow-worker@query")
    result = inside(bench, "systemctl", "show", "--property=Result", "--value", "sliceflow-worker@flow").strip()
    require(result == "success", f"the worker's unit ended with {result}")
    return f"a job before and one after a restart of the server; exposure {exposed} of 10"


def stop(bench: Bench) -> str:
    inside(bench, "systemctl", "stop", "sliceflowd")
    now = state(bench)
    require(now["ActiveState"] == "inactive" and now["Result"] == "success" and now["ExecMainStatus"] == "0", str(now["Result"]))
    return "inactive, exit code 0"


def wrong(bench: Bench) -> str:
    (bench.made["root"] / "etc/sliceflow/environment").write_text("SLICEFLOWD_HTPT=8080\n")
    inside(bench, "systemctl", "start", "sliceflowd")
    wait_until(bench, "failed", lambda: state(bench)["ActiveState"] == "failed")
    now = state(bench)
    require(now["ExecMainStatus"] == "2" and now["NRestarts"] == "0", f"status {now['ExecMainStatus']}, {now['NRestarts']} restarts")
    said = inside(bench, "journalctl", "--unit", "sliceflowd", "--no-pager")
    require("did you mean SLICEFLOWD_HTTP" in said, said)
    return "failed with 2 and its reason in the journal, not started again"


STEPS = [
    Step("machine with systemd", "debootstrap of a bare system with systemd into a folder", system),
    Step("unit, install", "`cmake --install`, `systemd-sysusers`, `systemctl enable`, `systemd-analyze verify`", install),
    Step("unit, boot", "the folder booted by `systemd-nspawn`", boot),
    Step("unit, cage", "the daemon's status in /proc, `systemd-analyze security`, what the worker told", caged),
    Step("unit, a job", "`sliceflow submit` and `watch`", job),
    Step("unit, crash", "SIGKILL of the daemon", killed),
    Step("backup", "`sliceflowd backup`, `restore` and `check` as the server's user", backup),
    Step("workers' unit", "`systemctl start sliceflow-worker@flow sliceflow-worker@query`, jobs, `systemctl restart sliceflowd`", worker),
    Step("unit, stop", "`systemctl stop`", stop),
    Step("unit, wrong settings", "a misspelt setting, then `systemctl start`", wrong),
]
