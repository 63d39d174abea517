# SPDX-License-Identifier: Apache-2.0
"""Checks Dockerfile and deploy/ against schemas and against each other.

Prints one line a violation and exits with 1 if there is any.
"""

import argparse
import fnmatch
import json
import pathlib
import re
import sys

import jsonschema
import yaml

HERE = pathlib.Path(__file__).resolve().parent
BUILD_PACKAGES = re.compile(
    r"(?<!\S)(build-essential|gcc|g\+\+|clang|cmake|make|\S+-dev)(?!\S)")


# --- Dockerfile --------------------------------------------------------------

def instructions(text):
    """[(name, argument)], comments dropped and continued lines joined."""
    lines = (line for line in text.splitlines()
             if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines()
            if line.strip()]


def stages(text):
    """[(name, base, [(instruction, argument)])] in order."""
    found = []
    for name, argument in instructions(text):
        if name == "FROM":
            base, _, alias = argument.partition(" AS ")
            found.append((alias or str(len(found)), base, []))
        else:
            found[-1][2].append((name, argument))
    return found


def only(body, name):
    """The last value of an instruction, as Docker takes it; None: absent."""
    values = [argument for key, argument in body if key == name]
    return values[-1] if values else None


def is_ignored(root, path):
    """Whether .dockerignore (last match wins) leaves `path` out."""
    ignored = False
    for line in (root / ".dockerignore").read_text().splitlines():
        pattern = line.split("#")[0].strip()
        if fnmatch.fnmatch(path.split("/")[0], pattern.lstrip("!")):
            ignored = not pattern.startswith("!")
    return ignored


def check_copies(root, all_stages):
    names = set()
    for name, _, body in all_stages:
        for key, argument in body:
            source = re.search(r"(?:--from=|from=)([\w-]+)", argument)
            if key in ("COPY", "RUN") and source and source[1] not in names:
                yield f"Dockerfile: no stage {source[1]} before stage {name}"
            if key != "COPY" or source:
                continue
            for path in argument.split()[:-1]:
                if not (root / path).exists():
                    yield f"Dockerfile: COPY of {path}, which does not exist"
                elif is_ignored(root, path):
                    yield f"Dockerfile: COPY of {path}, ignored by .dockerignore"
        names.add(name)


def check_dockerfile(root):
    all_stages = stages((root / "Dockerfile").read_text())
    names = {name for name, _, _ in all_stages}
    if len(all_stages) < 2:
        yield "Dockerfile: expected a build stage and a last stage without it"
    for name, base, _ in all_stages:
        if base not in names and not re.search(r":(?!latest$)[\w.-]+$", base):
            yield f"Dockerfile: stage {name} is based on {base}; name a tag"
    yield from check_copies(root, all_stages)
    yield from check_last_stage(all_stages[-1][2])


def check_last_stage(body):
    user = only(body, "USER") or "root"
    if not re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", user):
        yield f"Dockerfile: runs as {user}; expected USER with a number, not 0"
    for name in ("HEALTHCHECK", "ENTRYPOINT", "EXPOSE"):
        if only(body, name) is None:
            yield f"Dockerfile: the last stage has no {name}"
    for name in ("ENTRYPOINT", "CMD"):
        value = only(body, name)
        if value and not value.startswith("["):
            yield f"Dockerfile: {name} runs in a shell; write a JSON list"
    for key, argument in body:
        packages = BUILD_PACKAGES.search(argument) if key == "RUN" else None
        if packages:
            yield f"Dockerfile: the last stage installs {packages[0]}"
        if "apt-get install" in argument and "rm -rf /var/lib/apt" not in argument:
            yield "Dockerfile: the last stage keeps apt's lists"


def image_facts(root):
    body = stages((root / "Dockerfile").read_text())[-1][2]
    return {
        "ports": {int(port) for port in (only(body, "EXPOSE") or "").split()},
        "user": (only(body, "USER") or "root").split(":")[0],
        "flags": json.loads(only(body, "CMD") or "[]"),
    }


# --- Flags -------------------------------------------------------------------

def known_flags(root):
    """The flags that the server's own sources define."""
    define = re.compile(r'\bAdd\w*\(app, "([a-z-]+)"|"--([a-z-]+)"')
    return {"--" + (match[1] or match[2])
            for path in sorted((root / "server").glob("*.cc"))
            for match in define.finditer(path.read_text())}


def values_of(flags):
    """{flag: value} of --flag=value."""
    return dict(flag.partition("=")[::2] for flag in flags)


def size(text):
    """Bytes of 1GiB, 512Mi, 8g; None: it is none of these."""
    match = re.fullmatch(r"(\d+)([kmgt])i?b?", text.lower())
    return int(match[1]) << 10 * (1 + "kmgt".index(match[2])) if match else None


def seconds(duration):
    match = re.fullmatch(r"(\d+)(s|m)", duration)
    return int(match[1]) * {"s": 1, "m": 60}[match[2]] if match else None


def check_memory(where, values, limit):
    """What the server may take beside its weights is said, and fits."""
    budgets = [size(values.get(f"--{name}-memory", ""))
               for name in ("kv", "host", "device", "merged")]
    if None in budgets:
        yield f"{where}: expected all four of --kv-memory=…, --host-memory, " \
            "--device-memory and --merged-memory"
    elif sum(budgets) >= size(limit):
        yield f"{where}: limited to {limit}, but the --*-memory budgets take " \
            f"{sum(budgets) >> 20}Mi and leave nothing for the weights"


def check_flags(root, where, flags, grace):
    values = values_of(flags)
    known = known_flags(root)
    for flag in sorted(set(values) - known):
        yield f"{where}: the server has no flag {flag}"
    if not {"--auth-token-file", "--tls-client-ca"} & set(values):
        yield f"{where}: nothing protects AdapterService off loopback"
    drain = seconds(values.get("--drain-timeout", ""))
    if drain is None:
        yield f"{where}: expected --drain-timeout=SECONDSs"
    elif drain >= grace:
        yield f"{where}: killed after {grace} s, but drains for {drain} s"


# --- Kubernetes --------------------------------------------------------------

def known_services(root):
    for path in sorted((root / "proto").rglob("*.proto")):
        text = path.read_text()
        package = re.search(r"^package ([\w.]+);", text, re.M)
        for service in re.findall(r"^service (\w+)", text, re.M):
            yield f"{package[1]}.{service}"


def read_manifests(folder):
    """{(kind, name): document} of every file that is not a kustomization."""
    return {(doc["kind"], doc["metadata"]["name"]): doc
            for path in sorted(folder.glob("*.yaml"))
            if path.name != "kustomization.yaml"
            for doc in yaml.safe_load_all(path.read_text())}


def check_pod(root, where, pod, claims):
    ports, image = set(), image_facts(root)
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    services = set(known_services(root)) | {""}
    if str(pod["securityContext"]["runAsUser"]) != image["user"]:
        yield f"{where}: runs as another user than the image, {image['user']}"
    for container in pod["containers"]:
        ports |= {port["containerPort"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            grpc = container[probe]["grpc"]
            if grpc["port"] not in ports:
                yield f"{where}: {probe} asks port {grpc['port']}, not exposed"
            if grpc.get("service", "") not in services:
                yield f"{where}: {probe}: there is no service {grpc['service']}"
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        for name in sorted(mounts ^ set(volumes)):
            yield f"{where}: volume {name} is not both declared and mounted"
        yield from check_flags(root, where, container["args"],
                               pod["terminationGracePeriodSeconds"])
        yield from check_memory(where, values_of(container["args"]),
                                container["resources"]["limits"]["memory"])
    for volume in volumes.values():
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim and claim not in claims:
            yield f"{where}: there is no volume claim {claim}"
    if ports != image["ports"]:
        yield f"{where}: ports {sorted(ports)}, image has {sorted(image['ports'])}"


def check_kubernetes(root):
    folder = root / "deploy/k8s"
    manifests = read_manifests(folder)
    claims = {name for kind, name in manifests if kind == "PersistentVolumeClaim"}
    pods = []
    for (kind, name), doc in manifests.items():
        if kind == "Deployment":
            template = doc["spec"]["template"]
            labels = template["metadata"]["labels"]
            pods.append((labels, template["spec"]))
            if not doc["spec"]["selector"]["matchLabels"].items() <= labels.items():
                yield f"{kind} {name}: its selector misses its own pods"
            yield from check_pod(root, f"{kind} {name}", template["spec"], claims)
    for (kind, name), doc in manifests.items():
        if kind == "Service":
            yield from check_service(f"{kind} {name}", doc["spec"], pods)
    listed = set(yaml.safe_load((folder / "kustomization.yaml").read_text())
                 ["resources"]) | {"kustomization.yaml"}
    for path in sorted(listed ^ {path.name for path in folder.glob("*.yaml")}):
        yield f"kustomization.yaml: {path} is not both listed and there"


def check_service(where, spec, pods):
    selected = [pod for labels, pod in pods
                if spec["selector"].items() <= labels.items()]
    if not selected:
        yield f"{where}: selects no pod"
    for pod in selected:
        names = {port["name"] for container in pod["containers"]
                 for port in container["ports"]}
        for port in spec["ports"]:
            if port["targetPort"] not in names:
                yield f"{where}: no port is named {port['targetPort']}"


# --- Compose -----------------------------------------------------------------

def check_compose(root):
    path = root / "deploy/compose.yaml"
    compose = yaml.safe_load(path.read_text())
    image = image_facts(root)
    for name, service in compose["services"].items():
        where = f"compose.yaml: {name}"
        if not (path.parent / service["build"] / "Dockerfile").is_file():
            yield f"{where}: no Dockerfile in {service['build']}"
        inner = {int(port.rsplit(":", 1)[1]) for port in service["ports"]}
        if inner != image["ports"]:
            yield f"{where}: ports {sorted(inner)}, image has {sorted(image['ports'])}"
        for secret in service.get("secrets", []):
            if secret not in compose.get("secrets", {}):
                yield f"{where}: there is no secret {secret}"
        for volume in service["volumes"]:
            source = re.sub(r"^\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            if "/" in source:
                if not (path.parent / source).is_dir():
                    yield f"{where}: there is no folder {source}"
            elif source not in compose.get("volumes", {}):
                yield f"{where}: there is no volume {source}"
        yield from check_flags(root, where, service["command"],
                               seconds(service["stop_grace_period"]))
        yield from check_memory(where, values_of(service["command"]),
                                service["mem_limit"])


# --- Versions ----------------------------------------------------------------

def check_versions(root):
    """Versions that are repeated: of project(), and of libtorch."""
    version = re.search(r"project\(\w+ VERSION ([\d.]+)",
                        (root / "CMakeLists.txt").read_text())[1]
    torch = re.search(r"^torch==([\d.]+)",
                      (root / "tools/torch-requirements.txt").read_text(),
                      re.M)[1]
    for name, pattern, expected in (
            ("deploy/compose.yaml", r"image: lora-server:(\S+)", version),
            ("deploy/k8s/kustomization.yaml", r"newTag: (\S+)", version),
            ("tools/requirements-dev.txt", r"^torch==([\d.]+)", torch),
            ("Dockerfile", r"lora-server/torch-([\d.]+)", torch)):
        found = set(re.findall(pattern, (root / name).read_text(), re.M))
        for other in sorted(found - {expected}):
            yield f"{name}: says {other}, expected {expected}"
        if not found:
            yield f"{name}: expected {expected} to be named"


# --- All ---------------------------------------------------------------------

def check_schemas(root):
    schemas = yaml.safe_load((HERE / "deploy_schema.yaml").read_text())
    for path in sorted((root / "deploy").rglob("*.yaml")):
        for doc in yaml.safe_load_all(path.read_text()):
            kind = "Compose" if path.name == "compose.yaml" else doc.get("kind")
            if kind not in schemas or kind == "$defs":
                yield f"{path.name}: no schema for kind {kind}"
                continue
            schema = dict(schemas[kind], **{"$defs": schemas["$defs"]})
            validator = jsonschema.Draft202012Validator(schema)
            for error in validator.iter_errors(doc):
                at = "/".join(str(part) for part in error.absolute_path)
                yield f"{path.name}: {at or kind}: {error.message}"


def check_tree(root):
    bad = [*check_schemas(root), *check_dockerfile(root),
           *check_versions(root)]
    # What follows relies on the shapes that these two checked.
    return bad or list(check_kubernetes(root)) + list(check_compose(root))


def main():
    parser = argparse.ArgumentParser(prog="check_deploy", description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=HERE.parent,
                        help="the tree to check; default: this one")
    root = parser.parse_args().root
    bad = check_tree(root)
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
