"""Reads deploy/Containerfile and carries its stages out in folders, as an engine would in images."""

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from steps import ROOT, require, run

CONTAINERFILE = ROOT / "deploy" / "Containerfile"
# How this machine reaches package registries: its proxies, and certificates of its own.
NETWORK = ("http_proxy", "https_proxy", "no_proxy", "PIP_CERT", "PIP_INDEX_URL", "NODE_EXTRA_CA_CERTS", "NPM_CONFIG_REGISTRY")
CERTIFICATES = Path("usr/local/share/ca-certificates")


@dataclasses.dataclass
class Stage:
    instructions: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [rest for instruction, rest in self.instructions if instruction == name]

    def only(self, name: str) -> str:
        found = self.all(name)
        require(len(found) == 1, f"the stage has {len(found)} instructions {name}")
        return found[0]

    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for rest in self.all("ENV") for pair in shlex.split(rest))

    def command(self, name: str) -> list[str]:
        """The words of an instruction in exec form."""
        return list(json.loads(self.only(name).split("CMD")[-1]))


def stages() -> dict[str, Stage]:
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, Stage] = {}
    current = Stage([])
    for line in filter(str.strip, text.splitlines()):
        name, rest = line.split(maxsplit=1)
        if name == "FROM":
            current = found.setdefault(rest.split(" AS ")[1], Stage([]))
        else:
            current.instructions.append((name, rest))
    return found


def context_files() -> list[str]:
    """What the engine would be sent: files of the tree below what .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = tuple(line[1:] for line in lines if line.startswith("!"))
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    return [path for path in listed if path.split("/")[0] in let_through and (ROOT / path).is_file()]


def in_root(root: Path, command: str, deadline: float, workdir: str = "/") -> str:
    """Runs a shell's command inside `root`, which has its own /proc and the machine's network and devices."""
    inner = f'mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev && exec chroot {root} /bin/sh -c "$1"'
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/tmp"}
    environment |= {name: os.environ[name] for name in NETWORK if name in os.environ}
    return run("unshare", "--mount", "sh", "-ec", inner, "sh", f"cd {workdir} && {command}", deadline=deadline, env=environment)


def carry_out(stage: Stage, root: Path, builder: Path | None, deadline: float) -> None:
    """RUN, WORKDIR and COPY of a stage; the other instructions say how the result is run."""
    workdir = "/"
    for name, rest in stage.instructions:
        if name == "WORKDIR":
            workdir = rest
            (root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            copy(shlex.split(rest), root, builder, workdir)
        elif name == "RUN":
            bound = re.match(r"--mount=type=bind,from=builder,source=(\S+),target=(\S+)\s+", rest)
            if bound and builder:
                shutil.copy(builder / bound[1].lstrip("/"), root / bound[2].lstrip("/"))
            in_root(root, rest[bound.end() :] if bound else rest, deadline, workdir)
            if bound:
                (root / bound[2].lstrip("/")).unlink()


def copy(words: list[str], root: Path, builder: Path | None, workdir: str) -> None:
    *sources, target = [word for word in words if not word.startswith("--")]
    if "--from=builder" in words:
        require(builder, "there is no builder's root")
        run("cp", "-a", *(f"{builder}{source}/." for source in sources), f"{root}{target}")
        return
    place = root / workdir.lstrip("/") / target
    wanted = [path for path in context_files() for source in sources if source == "." or path == source or path.startswith(source + "/")]
    base = sources[0] if len(sources) == 1 and (ROOT / sources[0]).is_dir() else None
    for path in wanted:
        name = str(Path(path).relative_to(base)) if base else Path(path).name
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, place / name)


def bare_system(root: Path, *packages: str) -> str:
    """The smallest Debian or Ubuntu of this machine's own release with the packages, from where this machine's apt takes it; answers its name."""
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    codename = release["VERSION_CODENAME"]
    known = run("apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages").splitlines()
    mirrors = [line.split()[2] for line in known if line.split()[:2] == [codename, "main"]]
    require(mirrors, f"apt has no list of {codename} main: run apt-get update")
    more = [f"--include={','.join(packages)}"] if packages else []
    # What it mounts goes with it, however it ends.
    run("unshare", "--mount", "debootstrap", "--variant=minbase", *more, codename, root, mirrors[0], deadline=900)
    for name in ("resolv.conf", "hosts"):
        subprocess.run(["cp", "-L", f"/etc/{name}", root / "etc" / name], check=True)
    shutil.copytree("/" / CERTIFICATES, root / CERTIFICATES, dirs_exist_ok=True)
    return f"{release['ID']} {release['VERSION_ID']}"
