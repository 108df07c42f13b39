# A small image with nothing but azlet and the system's CA certificates:
#   docker build -t azlet . && docker run --rm -p 4280:4280 azlet
# Inside a container it must listen beyond loopback; whoever reaches the port can do everything, so publish it to this host only:
#   docker run --rm -p 127.0.0.1:4280:4280 azlet
FROM rust:1.95-slim-trixie AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++ make ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --release --locked -p azlet -p azlet-client

FROM debian:trixie-slim
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /source/target/release/azlet /source/target/release/azlet-client /usr/local/bin/
RUN install --directory --owner=65532 --group=65532 --mode=0700 /state
USER 65532:65532
VOLUME /state
EXPOSE 4280
HEALTHCHECK --interval=5s --timeout=2s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/4280"]
ENTRYPOINT ["azlet"]
CMD ["up", "--listen", "0.0.0.0:4280", "--state", "/state"]
