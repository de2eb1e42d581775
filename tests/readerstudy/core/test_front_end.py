"""The tag that puts the browser build into a page."""

import json

from django.template import Context, Template


def test_what_an_entry_loads_apart_is_fetched_ahead(settings, tmp_path):
    """The viewer is wanted at once, so its script does not wait until another has run; what it may want later does."""
    settings.BASE_DIR = tmp_path
    (tmp_path / "static" / "build").mkdir(parents=True)
    manifest = {
        "static/js/reading.js": {
            "file": "reading.js",
            "imports": ["_words.js"],
            "dynamicImports": ["_viewer.js"],
        },
        "_words.js": {"file": "words.js"},
        "_view.js": {"file": "view.js"},
        "_viewer.js": {
            "file": "viewer.js",
            "imports": ["_words.js", "_view.js"],
            "dynamicImports": ["_gpu.js"],
        },
        "_gpu.js": {"file": "gpu.js"},
    }
    (tmp_path / "static" / "build" / "manifest.json").write_text(json.dumps(manifest))
    page = Template("{% load front_end %}{% front_end 'static/js/reading.js' %}").render(Context())
    ahead = [line.split('"')[3].rsplit("/", 1)[1] for line in page.splitlines() if "modulepreload" in line]
    assert ahead == ["words.js", "viewer.js", "view.js"]
