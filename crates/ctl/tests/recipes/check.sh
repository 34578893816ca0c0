#!/usr/bin/env bash
# Holds the recipes of packaging/ci to what reads them: GitLab's and GitHub's own schemas, Groovy, the shell. Called by
# `make recipes`; that they do what they say is tested by the suite.
#
#   check.sh FOLDER      a folder that lasts, for a Python environment and an unpacked Groovy; nothing is installed
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
recipes=$(cd "$here/../../../../packaging/ci" && pwd)
mkdir -p "$1/recipes"
tools=$(cd "$1/recipes" && pwd)

if ! cmp -s "$here/requirements.txt" "$tools/installed.txt"; then
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$tools/installed.txt"
fi
# The Groovy of Debian is of the line that Jenkins itself has.
if ! [ -d "$tools/groovy" ]; then
  unpacked=$(mktemp -d "$tools/unpacking.XXXXXX")
  (cd "$unpacked" && apt-get -q -o APT::Sandbox::User=root download groovy libantlr-java antlr libasm-java >/dev/null)
  for deb in "$unpacked"/*.deb; do dpkg-deb --extract "$deb" "$unpacked"; done
  mv "$unpacked" "$tools/groovy"
fi
jars=$(find "$tools/groovy/usr/share" -name '*.jar' -type f | sort | tr '\n' ':')

echo "recipes: GitLab's schema, GitHub's schema"
"$tools/python/bin/check-jsonschema" --builtin-schema vendor.gitlab-ci "$recipes/gitlab-ci.yml"
"$tools/python/bin/check-jsonschema" --builtin-schema vendor.github-workflows "$recipes/github-publish.yml"

blocks=$(mktemp -d)
trap 'rm -rf "$blocks"' EXIT
echo "recipes: Groovy reads the Jenkinsfile"
java -cp "$jars" groovy.ui.GroovyMain "$here/declarative.groovy" "$recipes/Jenkinsfile" "$blocks"
echo "recipes: the shell reads every step of the Jenkinsfile"
for block in "$blocks"/*.sh; do
  sh -n "$block" || { cat "$block" >&2; exit 1; }
done
