"""
The nginx mode: the web server sends frame files itself and asks the application only whether it may.

The application's verdict names the folder of the view; nginx keeps it for 30 s per presentation and
credentials. Forms other than the stored one, and everything else, go on to the application.
"""

from pathlib import Path

from django.conf import settings

from readerstudy.dicom.intake import BOUNDARY
from readerstudy.imaging.fastpath import content_security_policy
from readerstudy.imaging.services.capability import COOKIE_NAME
from readerstudy.imaging.serving import caching_header, verdict_key
from readerstudy.imaging.stores import cache_root

VERDICT_SECONDS = 30
KEY_HEADER = "X-Image-Verdict-Key"


_SERIES = r"/studies/(?<rs_study>2\.25\.[0-9]{1,39})/series/(?<rs_series>2\.25\.[0-9]{1,39})"
_INSTANCE = r"/instances/(?<rs_instance>2\.25\.[0-9]{1,39})/frames/(?<rs_frame>[1-9][0-9]{0,4})$"
_HTTP = """\
# Written by `manage.py nginx_config`; holds a secret: readable for root and nginx only.
# Goes into the http block. The workers must run as the user that owns the data root.
proxy_cache_path {verdicts} levels=1 keys_zone=rs_verdicts:1m inactive=60s max_size=16m;
map $http_accept $rs_as_stored {{
    default 0;
    "" 1;
    "~\\*/\\*" 1;
    "~*application/octet-stream[^,]*transfer-syntax=\\"?\\*" 1;
}}
upstream readerstudy {{
    server {upstream};
    keepalive 16;
}}
server {{
    listen {listen};
    client_max_body_size 512m;
    add_header X-Content-Type-Options nosniff always;

    location / {{
        proxy_pass http://readerstudy;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header {key_header} "";
    }}

    location ~ "^/dicomweb/(?<rs_presentation>[0-9a-f-]{{36}}){series}{instance}" {{
        if ($rs_as_stored = 0) {{ return 418; }}
        error_page 418 = @rs_application;
        error_page 403 404 500 502 504 = @rs_absent;
        auth_request /rs-verdict;
        auth_request_set $rs_root $upstream_http_x_image_root;
        alias {cache}/$rs_root/$rs_study/$rs_series/${{rs_instance}}_$rs_frame;
        types {{ }}
        default_type 'multipart/related; type="application/octet-stream"; boundary={boundary}';
        etag off;
        if_modified_since off;
        max_ranges 0;
        add_header Last-Modified "";
        add_header Cache-Control "{caching}";
        add_header Vary Accept;
        add_header X-Content-Type-Options nosniff;
        add_header Referrer-Policy same-origin;
        add_header Cross-Origin-Resource-Policy same-origin;
        add_header Content-Security-Policy "{policy}";
        sendfile on;
        tcp_nopush on;
        # Erased images are emptied before they are removed, so what stays open here for a while holds nothing.
        open_file_cache max=1000 inactive=10s;
        open_file_cache_valid 1s;
    }}

    location = /rs-verdict {{
        internal;
        proxy_pass http://readerstudy/dicomweb/$rs_presentation/verdict;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header {key_header} {key};
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_cache rs_verdicts;
        proxy_cache_key "$rs_presentation|$cookie_{cookie}|$cookie_{session}|$http_authorization";
        proxy_cache_valid 204 {seconds}s;
        proxy_ignore_headers Cache-Control Expires Vary;
        open_file_cache max=1000 inactive=10s;
        open_file_cache_valid 1s;
    }}

    location @rs_application {{
        proxy_pass http://readerstudy;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header {key_header} "";
    }}

    location @rs_absent {{
        default_type "text/plain; charset=utf-8";
        add_header Cache-Control no-store always;
        return 404 "Not found.\\n";
    }}
}}
"""


def configuration(*, listen: str, upstream: str, verdicts: Path) -> str:
    """
    Return the server part of an nginx configuration.

    Parameters
    ----------
    listen : str
        Where nginx listens, such as ``127.0.0.1:8080``.
    upstream : str
        Where the application listens.
    verdicts : Path
        Folder for nginx's short memory of verdicts.
    """
    return _HTTP.format(
        listen=listen,
        upstream=upstream,
        verdicts=verdicts,
        cache=cache_root(),
        boundary=BOUNDARY,
        caching=caching_header(),
        policy=content_security_policy(),
        key=verdict_key(),
        key_header=KEY_HEADER,
        cookie=COOKIE_NAME,
        session=settings.SESSION_COOKIE_NAME,
        series=_SERIES,
        instance=_INSTANCE,
        seconds=VERDICT_SECONDS,
    )
