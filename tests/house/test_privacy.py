"""Nothing of a person, a machine or a foreign host is in the repository."""

import re

from tests.house.repository import ROOT, files, readable, short, text

PICTURES = {
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".avif",
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mjpeg", ".y4m", ".h264", ".ts", ".mp3",
}  # fmt: skip
DRAWN_BY_CODE = ("docs/", "stream_server/web/icons/")
"""Only these folders hold pictures: diagrams, screenshots of synthetic faces, icons."""

MACHINE_PATHS = re.compile(
    r"(?<![\w.$}~-])/(?:work|root|home/(?!nonroot|fakewatch|user)\w+|Users)/\w"
)
REGISTRIES = re.compile(
    "|".join(
        re.escape(left + right)
        for left, right in (
            ("py", "pi.org"), ("python", "hosted.org"), ("npm", "js.org"), ("npm", "js.com"),
            ("deb.", "debian.org"), ("security.", "debian.org"), ("un", "pkg.com"),
            ("js", "delivr.net"), ("cdn", "js.cloudflare.com"), ("hugging", "face.co/"),
            ("gh", "cr.io"), ("nv", "cr.io"), ("qu", "ay.io"), ("gc", "r.io"), ("docker", ".io/"),
        )
    )
)  # fmt: skip
FOREIGN = re.compile(r"""(?:src|href|from|import|fetch\()\s*=?\s*["'](?:https?:)?//(?!\$)""")


def test_no_picture_or_clip_is_committed_but_those_drawn_by_code():
    strays = [
        short(path)
        for path in files()
        if path.suffix.lower() in PICTURES and not short(path).startswith(DRAWN_BY_CODE)
    ]
    assert strays == []


def test_no_path_of_a_machine_or_person_is_named():
    assert _matches(MACHINE_PATHS) == []


def test_no_package_registry_is_named():
    assert _matches(REGISTRIES) == []


def test_the_page_loads_nothing_from_a_foreign_host():
    pages = [path for path in files(".html", ".js", ".css") if "web" in path.parts]
    assert [short(path) for path in pages if _fetches_foreign(text(path))] == []


def test_no_secret_looking_file_is_committed():
    names = {"id_rsa", "id_ed25519", ".env", ".netrc", "token", "credentials.json"}
    strays = [
        short(path)
        for path in files()
        if path.name in names or path.suffix in {".pem", ".key", ".p12", ".pfx", ".sqlite", ".db"}
    ]
    assert strays == []


def _fetches_foreign(page):
    links_for_people = re.sub(r"<a\s[^>]*>", "", page)
    return bool(FOREIGN.search(links_for_people))


def _matches(pattern):
    return [
        f"{short(path)}:{number}: {line.strip()[:100]}"
        for path in readable()
        if path != ROOT / "LICENSE"
        for number, line in enumerate(text(path).splitlines(), 1)
        if pattern.search(line)
    ]
