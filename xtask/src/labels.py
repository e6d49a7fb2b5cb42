"""Reads labels with zxing-cpp: pages of PDFs as pdfium draws them, and drawings of a zip as resvg draws them.

The drawings are left beside the zip as PNG, for other readers.
"""

import io
import pathlib
import sys
import zipfile

import pypdfium2
import resvg_py
import zxingcpp
from PIL import Image

DOTS_PER_INCH = 300

folder = pathlib.Path(sys.argv[1])
lines = (folder / "codes.csv").read_text().splitlines()[1:]
tokens = [line.split(",")[1] for line in lines]


def read(image):
    return sorted(code.text.rsplit("/", 1)[1] for code in zxingcpp.read_barcodes(image))


pages = 0
for sheet in sorted(folder.glob("*.pdf")):
    labels = int(sheet.stem.rsplit("-", 1)[1])
    document = pypdfium2.PdfDocument(sheet)
    for index in {0, len(document) // 2, len(document) - 1}:
        image = document[index].render(scale=DOTS_PER_INCH / 72, grayscale=True).to_pil()
        expected = sorted(tokens[index * labels : (index + 1) * labels])
        assert read(image) == expected, f"{sheet.name}, page {index + 1}"
        pages += 1

with zipfile.ZipFile(folder / "codes.zip") as drawings:
    assert len(drawings.namelist()) == len(tokens)
    for token, name in zip(tokens, drawings.namelist()):
        svg = drawings.read(name).decode()
        png = resvg_py.svg_to_bytes(svg_string=svg, dpi=DOTS_PER_INCH, background="#fff", skip_system_fonts=True)
        (folder / f"{token}.png").write_bytes(png)
        assert read(Image.open(io.BytesIO(png))) == [token], name

print(f"zxing-cpp read {pages} pages of PDFs and {len(tokens)} drawings")
