"""Browsers ask for the site's icon by themselves, where a window shows an image and no page."""


def test_the_icon_is_there_for_everyone(client):
    answer = client.get("/favicon.ico")
    assert answer.status_code == 200
    assert "icon" in answer["Content-Type"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert b"".join(answer.streaming_content)[:4] == b"\x00\x00\x01\x00"
