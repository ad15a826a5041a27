#!/usr/bin/env bash
# dist.sh OUT VERSION: what is handed out, in OUT: for amd64 and arm64 a static binary, an archive, a .deb and an .rpm;
# a list of what the binaries are made of (CycloneDX); and the checksums of all of it.
#
# Two runs from one commit make the same bytes, whatever the folder and the time of day: the clock is the commit's, and
# nothing of this machine goes in. The tools are pinned here and run by go run, as no module of Weir needs them.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$1 version=$2
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
go=${GO:-go}
mkdir -p "$out"
out=$(realpath "$out")
rm -f "$out"/weir* "$out"/SHA256SUMS
work=$(mktemp -d "${TMPDIR:-/tmp}/dist.XXXXXX")
trap 'rm -rf "$work"' EXIT
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C
umask 022
# A package's version begins with a digit; a commit that has no tag is a development version, before every release.
number=${version#v}
[[ $number =~ ^[0-9]+\. ]] || number=0.0.0~$number

build() { # ARCH FILE
  CGO_ENABLED=0 GOOS=linux GOARCH=$1 "$go" build -trimpath -buildvcs=auto -ldflags "-s -w -X main.version=$version" \
    -o "$2" ./cmd/weir
}
# Manual page and completions are what the program says of itself.
build "$("$go" env GOHOSTARCH)" "$work/weir"
mkdir "$work/share"
"$work/weir" man | gzip -9n >"$work/share/weir.1.gz"
for shell in bash zsh fish; do "$work/weir" completion $shell >"$work/share/weir.$shell"; done
cp docs/deploy/{weir.service,weir.yaml,99-weir.conf} LICENSE README.md "$work/share/"
# What README and the alerts (runbook) point an operator to, under the paths that they name.
mkdir "$work/share/docs"
cp docs/{OPERATING,CONFIG,METRICS,SYSCTL}.md "$work/share/docs/"

for arch in amd64 arm64; do
  name=weir_${number}_linux_$arch
  root=$work/$arch/$name
  mkdir -p "$root"
  build "$arch" "$root/weir"
  cp "$root/weir" "$out/$name"
  cp -r "$work"/share/* "$root/"
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$work/$arch" -cf - "$name" |
    gzip -9n >"$out/$name.tar.gz"
  "$go" run "$cyclonedx" bin -json -std -noserial -notimestamp -version "v$number" -output "$out/$name.cdx.json" \
    "$root/weir"
  # nfpm reads these. The clock of all files is that of the commit.
  export ARCH=$arch NUMBER=$number ROOT=$root MTIME
  MTIME=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
  sed -e "s|\${ROOT}|$root|; s|\${MTIME}|$MTIME|" .ci/dist/nfpm.yaml >"$work/nfpm-$arch.yaml"
  for packager in deb rpm; do
    "$go" run "$nfpm" package --config "$work/nfpm-$arch.yaml" --packager $packager --target "$out/$name.$packager"
  done
done
(cd "$out" && sha256sum weir* >SHA256SUMS)
