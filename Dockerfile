# syntax=docker/dockerfile:1
# SPDX-License-Identifier: Apache-2.0
# The CPU server and lora-admin. Needs at start: a model in /model, and for
# AdapterService a token file or TLS flags (deploy/README.md).
#
#   docker build -t lora-server .

FROM debian:12-slim AS base
# libtorch lands in /opt/lora-server in both stages: programs find it there.
ENV XDG_CACHE_HOME=/opt

FROM base AS build
WORKDIR /src
COPY tools tools
RUN tools/setup --build-only
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY proto proto
COPY server server
COPY client client
RUN cmake --preset release -DLORA_BUILD_TESTS=OFF -DLORA_BUILD_BENCH=OFF \
      -DLORA_BUILD_EXAMPLES=OFF \
 && cmake --build --preset release --target lora-server lora-admin \
 && strip build/release/bin/lora-server build/release/bin/lora-admin \
 && tools/runtime_packages build/release/bin/lora-server \
      build/release/bin/lora-admin >build/release/runtime-packages

FROM base AS runtime
RUN --mount=from=build,source=/src/build/release,target=/release \
    apt-get update \
 && xargs apt-get install -y --no-install-recommends \
      </release/runtime-packages \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home lora \
 && install -d -o lora -g lora /adapters /var/lib/lora-server
COPY LICENSE /usr/share/doc/lora-server/LICENSE
COPY --from=build /opt/lora-server/torch-2.11.0/torch/lib \
     /opt/lora-server/torch-2.11.0/torch/lib
COPY --from=build /opt/lora-server/torch-2.11.0/nvidia \
     /opt/lora-server/torch-2.11.0/nvidia
COPY --from=build /src/build/release/bin/lora-server \
     /src/build/release/bin/lora-admin /usr/local/bin/
USER 10001:10001
ENV LORA_ENDPOINT=127.0.0.1:50051
EXPOSE 50051 9090
STOPSIGNAL SIGTERM
# With TLS it needs LORA_TLS_CA and more: deploy/README.md.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m --retries=3 \
  CMD ["lora-admin", "info"]
ENTRYPOINT ["lora-server"]
CMD ["--model=/model", "--adapter-root=/adapters", \
     "--state-dir=/var/lib/lora-server", "--listen=0.0.0.0:50051", \
     "--metrics-listen=0.0.0.0:9090"]
