# Rejoin as a small image, for a user without rights.
#
#   docker build --build-arg REVISION="$(git describe --always --dirty)" -t rejoin .
#   docker run -p 8080:8080 -e DATABASE_URL=… -e API_TOKEN=… -e ACCESS_TOKEN_SECRET=… -e SESSION_TOKEN_SECRET=… rejoin
#   docker run --rm -e … rejoin migrate
#
# What is to be changed without a restart goes into a file: -v /etc/rejoin:/etc/rejoin:ro -e CONFIG_FILE=/etc/rejoin/rejoin.env,
# then `docker kill --signal HUP`. Games in SQLite and the secrets of development are kept in /app/data.

FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY migrations migrations
COPY src src
COPY web web
ARG REVISION=unknown
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    REJOIN_REVISION="$REVISION" cargo build --release --locked --bin rejoin && \
    mkdir -p /out/data && cp target/release/rejoin /out/rejoin

FROM debian:bookworm-slim
# For servers of databases and caches whose certificates are signed by public authorities.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* && \
    useradd --system --no-create-home --uid 65532 nonroot
WORKDIR /app
COPY --from=build /out/rejoin /usr/local/bin/rejoin
COPY --from=build --chown=nonroot:nonroot /out/data data
COPY config/default.env config/development.env config/staging.env config/production.env config/
COPY migrations migrations
ENV APP_ENV=production
USER nonroot
VOLUME ["/app/data"]
EXPOSE 8080 8081
# Longer than SHUTDOWN_GRACE_MS (5 s) is what Docker waits after it: 10 s, or `docker stop --timeout`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/rejoin", "health"]
ENTRYPOINT ["/usr/local/bin/rejoin"]
CMD ["serve"]
