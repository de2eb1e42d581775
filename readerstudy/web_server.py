"""
How the web server runs, as gunicorn's settings.

    gunicorn --config python:readerstudy.web_server --bind 127.0.0.1:8000

What is given on the command line comes before what is said here.
"""

wsgi_app = "readerstudy.wsgi"
# Threads, with a short way for images.
worker_class = "readerstudy.imaging.worker.ImageWorker"
workers = 2
threads = 4
# The application is loaded once, before the workers part from it: they share its memory, and one that dies is
# replaced within milliseconds rather than after the seconds that loading takes.
preload_app = True
# No door beside the web's own.
control_socket_disable = True
