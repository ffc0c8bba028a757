# Dossier's image: one static binary and the certificates of the public authorities, nothing else.
#
#   docker build -t dossier .                          builds the binary too, in the golang image
#   docker build -t dossier --target prebuilt DIR      needs no network and no other image: DIR holds this file, a binary `dossier`
#                                                      built with CGO_ENABLED=0, and `ca-certificates.crt`
#
# docs/docker.md tells how to run it.

ARG GO_VERSION=1.26.8

# base is what both variants have in common.
FROM scratch AS base
ARG VERSION=development
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Dossier" \
      org.opencontainers.image.description="The full, attributed history of the rows of a database" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
# The configuration dossier.yaml is looked for in the working directory: mount it at /etc/dossier/dossier.yaml.
WORKDIR /etc/dossier
# A number, since there is no /etc/passwd, and since Kubernetes can tell from a number alone that it is not root.
USER 65532:65532
EXPOSE 8080
# The first signal lets everything finish that was begun; see --stop-timeout, which should be longer than the roles need to drain.
STOPSIGNAL SIGTERM
# Whether it answers, not whether it has caught up: one that is behind must not be replaced for that.
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s CMD ["/dossier", "probe"]
ENTRYPOINT ["/dossier"]
CMD ["run"]

FROM base AS prebuilt
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY dossier /dossier

FROM golang:${GO_VERSION} AS build
WORKDIR /src
# The modules change more rarely than the code, so they have a layer of their own.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The binary is the same whoever builds it, wherever.
RUN CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -buildvcs=false -ldflags="-s -w" -o /dossier ./cmd/dossier

FROM base AS image
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /dossier /dossier
