# SPDX-License-Identifier: Apache-2.0
"""tools/check_deploy finds each disagreement, one edit of this tree a time."""

import pathlib
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import check_deploy  # pylint: disable=wrong-import-position

FLAGS = ("model adapter-root state-dir listen metrics-listen auth-token-file "
         "drain-timeout log-format kv-memory host-memory device-memory "
         "merged-memory").split()


@pytest.fixture(name="tree")
def make_tree(tmp_path):
    """The deployment files, and as much of the rest as they refer to."""
    for name in ("Dockerfile", ".dockerignore", "LICENSE", "CMakeLists.txt",
                 "CMakePresets.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("deploy", "proto"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("tools", "cmake", "server", "client", "examples/skills/base",
                 "examples/skills/adapters"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("torch-requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools" / name)
    (tmp_path / "server/config.cc").write_text(
        "\n".join(f'Add(app, "{flag}", value);' for flag in FLAGS))
    return tmp_path


def test_the_files_agree(tree):
    assert check_deploy.check_tree(tree) == []


@pytest.mark.parametrize("name,old,new,expected", [
    ("Dockerfile", "debian:12-slim", "debian", "name a tag"),
    ("Dockerfile", "debian:12-slim", "debian:latest", "name a tag"),
    ("Dockerfile", "USER 10001:10001\n", "", "runs as root"),
    ("Dockerfile", "USER 10001:10001", "USER 0:0", "runs as 0:0"),
    ("Dockerfile", "HEALTHCHECK", "LABEL", "has no HEALTHCHECK"),
    ("Dockerfile", 'ENTRYPOINT ["lora-server"]', "ENTRYPOINT lora-server",
     "ENTRYPOINT runs in a shell"),
    ("Dockerfile", "--no-install-recommends", "g++ cmake", "installs g++"),
    ("Dockerfile", " && rm -rf /var/lib/apt/lists/* \\\n", "",
     "keeps apt's lists"),
    ("Dockerfile", "COPY cmake cmake", "COPY make make",
     "COPY of make, which does not exist"),
    ("Dockerfile", "--from=build /opt", "--from=builder /opt",
     "no stage builder"),
    (".dockerignore", "!proto\n", "", "COPY of proto, ignored"),
    ("deploy/k8s/deployment.yaml", "terminationGracePeriodSeconds: 90",
     "terminationGracePeriodSeconds: 60", "killed after 60 s, but drains"),
    ("deploy/k8s/deployment.yaml", "terminationGrace", "terminatedGrace",
     "'terminatedGracePeriodSeconds' was unexpected"),
    ("deploy/k8s/deployment.yaml", "runAsNonRoot: true", "runAsNonRoot: false",
     "True was expected"),
    ("deploy/k8s/deployment.yaml", "runAsUser: 10001", "runAsUser: 10002",
     "another user than the image"),
    ("deploy/k8s/deployment.yaml", "service: lora.v1.GenerationService",
     "service: lora.v1.Generation", "there is no service lora.v1.Generation"),
    ("deploy/k8s/deployment.yaml", "containerPort: 9090", "containerPort: 9091",
     "ports [9091, 50051]"),
    ("deploy/k8s/deployment.yaml", "port: 50051\n            periodSeconds: 10",
     "port: 50052\n            periodSeconds: 10", "asks port 50052"),
    ("deploy/k8s/deployment.yaml", "--log-format=json", "--log-fmt=json",
     "the server has no flag --log-fmt"),
    ("deploy/k8s/deployment.yaml",
     "            - --auth-token-file=/run/secrets/lora-server/token\n", "",
     "nothing protects AdapterService"),
    ("deploy/k8s/deployment.yaml", "claimName: lora-server-state",
     "claimName: lora-server-stat", "no volume claim lora-server-stat"),
    ("deploy/k8s/deployment.yaml", "        - name: tmp\n          emptyDir",
     "        - name: temp\n          emptyDir", "volume temp is not both"),
    ("deploy/k8s/deployment.yaml", "            - --host-memory=1GiB\n", "",
     "expected all four of --kv-memory"),
    ("deploy/k8s/deployment.yaml", "--host-memory=1GiB", "--host-memory=5GiB",
     "limited to 8Gi, but the --*-memory budgets take 8192Mi"),
    ("deploy/k8s/deployment.yaml", "limits:\n              memory: 8Gi",
     "limits:\n              memory: 4096Mi", "limited to 4096Mi, but"),
    ("deploy/k8s/deployment.yaml", "limits:\n              memory",
     "limits:\n              cpu", "'memory' is a required property"),
    ("deploy/compose.yaml", "mem_limit: 8g", "mem_limit: 4g",
     "limited to 4g, but"),
    ("deploy/compose.yaml", "    mem_limit: 8g\n", "",
     "'mem_limit' is a required property"),
    ("CMakeLists.txt", "VERSION 0.", "VERSION 99.",
     "deploy/compose.yaml: says 0.1.0, expected 99.1.0"),
    ("deploy/k8s/kustomization.yaml", "newTag: ", "newTag: 9",
     "deploy/k8s/kustomization.yaml: says 90.1.0, expected 0.1.0"),
    ("Dockerfile", "torch-2.11.0/torch", "torch-2.10.0/torch",
     "Dockerfile: says 2.10.0, expected 2.11.0"),
    ("tools/requirements-dev.txt", "torch==2.11.0", "torch==2.10.0",
     "requirements-dev.txt: says 2.10.0"),
    ("deploy/k8s/service.yaml", "  selector:\n    app.kubernetes.io/name: lora",
     "  selector:\n    app.kubernetes.io/name: nora", "selects no pod"),
    ("deploy/k8s/service.yaml", "targetPort: grpc", "targetPort: rpc",
     "no port is named rpc"),
    ("deploy/k8s/kustomization.yaml", "  - pvc.yaml\n", "",
     "pvc.yaml is not both listed and there"),
    ("deploy/compose.yaml", "stop_grace_period: 45s", "stop_grace_period: 20s",
     "killed after 20 s, but drains for 30 s"),
    ("deploy/compose.yaml", "127.0.0.1:9090:9090", "127.0.0.1:9090:9091",
     "ports [9091, 50051]"),
    ("deploy/compose.yaml", "127.0.0.1:9090:9090", "9090:9090",
     "does not match"),
    ("deploy/compose.yaml", "build: ..", "build: .", "no Dockerfile in ."),
    ("deploy/compose.yaml", "      - token\n", "      - tokens\n",
     "there is no secret tokens"),
    ("deploy/compose.yaml", "examples/skills/base", "examples/skills/bass",
     "there is no folder ../examples/skills/bass"),
    ("deploy/compose.yaml", "- state:/", "- states:/",
     "there is no volume states"),
])
def test_a_disagreement_is_named(tree, name, old, new, expected):
    text = (tree / name).read_text()
    assert old in text
    (tree / name).write_text(text.replace(old, new, 1))
    assert expected in "\n".join(check_deploy.check_tree(tree))
