#!/usr/bin/env bash
# Makes the pictures of the README, docs/derivation.png and docs/gallery/*.png, from what derive writes.
#
# Needs derive with its extra `test` (pip install -e '.[test]'), pdflatex with TikZ (texlive-latex-recommended,
# texlive-pictures), pdftoppm (poppler-utils) and chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -x .venv/bin/derive ]; then PATH="$PWD/.venv/bin:$PATH"; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

net=(network --layers 3,4,4,2 --output "$work")
mazur=(network --layers 2,2,2 --loss half_sse --numbers docs/examples/mazur.toml --output "$work")
derive "${net[@]}" --name page --format html
derive "${net[@]}" --name pattern --format pdf --only pattern --detail brief
derive "${mazur[@]}" --name numbers_2_2_2 --format pdf --only numbers
derive "${mazur[@]}" --name loop --format pdf --only loop
derive explain --layers 3,4,4,2 --weight "W1[2,1]" --format svg --name paths --output "$work"
python docs/gallery.py "$work"
ls -l docs/derivation.png docs/gallery
