"""Static files: read once, compressed once, cached for a year under an address that changes with their content.

``/static/<version>/js/main.js`` lets modules import each other by relative paths and still be cached for good:
the version is in the folder. Plotly.js comes out of the Python package, under its own version.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response
from plotly.offline import get_plotlyjs, get_plotlyjs_version

from studies.errors import NotFound

router = APIRouter()

_FOREVER = "public, max-age=31536000, immutable"
_SMALLEST_COMPRESSED = 1_000


@dataclass(frozen=True)
class Asset:
    content: bytes
    compressed: bytes | None
    media_type: str
    etag: str


def make_asset(name: str, content: bytes) -> Asset:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    media_type = "text/javascript" if name.endswith(".js") else media_type
    worth_it = len(content) >= _SMALLEST_COMPRESSED
    return Asset(
        content=content,
        compressed=gzip.compress(content, 6, mtime=0) if worth_it else None,
        media_type=f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type,
        etag=f'"{hashlib.sha256(content).hexdigest()[:20]}"',
    )


@cache
def bundled() -> dict[str, Asset]:
    """Return the files of ``service/static`` by their path, such as ``js/main.js``."""
    return dict(_walk(files("service") / "static", ""))


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        name = prefix + entry.name
        found += _walk(entry, f"{name}/") if entry.is_dir() else [(name, make_asset(name, entry.read_bytes()))]
    return found


@cache
def module_names() -> tuple[str, ...]:
    """Return the paths of the page's JavaScript modules: named in the page's head, they are fetched all at once."""
    return tuple(name for name in bundled() if name.endswith(".js"))


@cache
def version() -> str:
    """Return a hash over all bundled files."""
    digest = hashlib.sha256()
    for name, asset in bundled().items():
        digest.update(f"{name}{asset.etag}".encode())
    return digest.hexdigest()[:12]


@cache
def plotly_name() -> str:
    return f"plotly-{get_plotlyjs_version()}.min.js"


@cache
def plotly() -> Asset:
    return make_asset("plotly.min.js", get_plotlyjs().encode())


@router.get("/static/{name}", name="plotly")
def plotly_file(request: Request, name: str) -> Response:
    """Answer with Plotly.js, only under the name that carries its version."""
    if name != plotly_name():
        raise NotFound("There is no such file.")
    return _answer(request, plotly(), lasting=True)


@router.get("/static/{at_version}/{path:path}", name="static_file")
def static_file(request: Request, at_version: str, path: str) -> Response:
    """Answer with a bundled file; one asked for under another version must be asked for again next time."""
    asset = bundled().get(path)
    if asset is None:
        raise NotFound("There is no such file.")
    return _answer(request, asset, lasting=at_version == version())


def _answer(request: Request, asset: Asset, *, lasting: bool) -> Response:
    headers = {"ETag": asset.etag, "Cache-Control": _FOREVER if lasting else "no-cache", "Vary": "Accept-Encoding"}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if asset.compressed and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.compressed, headers=headers, media_type=asset.media_type)
    return Response(asset.content, headers=headers, media_type=asset.media_type)
