#!/usr/bin/env bash
# Makes docs/derivation.png, the picture in the README, from a real derivation.
# Needs pdflatex (texlive-latex-recommended) and pdftoppm (poppler-utils).
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp generated/deep_psi/document.tex "$work"
(cd "$work" && pdflatex -interaction=batchmode document.tex >/dev/null)
pdftoppm -r 100 -f 2 -l 2 -x 80 -y 70 -W 680 -H 780 -png -singlefile "$work/document.pdf" docs/derivation
