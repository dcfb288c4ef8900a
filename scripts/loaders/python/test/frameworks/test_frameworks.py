"""Needs Django and Flask, as Debian packages them."""

import os
import signal
import unittest

from loader_process import LoaderProcess

FLASK = r'''
from flask import Flask, Response, redirect, request, session, stream_with_context

application = Flask(__name__)
application.secret_key = 'for tests'


@application.route('/hello/<name>')
def hello(name):
    return f'hello {name} at {request.url}'


@application.route('/form', methods=['POST'])
def form():
    return repr(sorted(request.form.items()))


@application.route('/upload', methods=['POST'])
def upload():
    return f'{request.files["file"].filename} {len(request.files["file"].read())}'


@application.route('/body', methods=['POST'])
def body():
    return str(len(request.get_data()))


@application.route('/count')
def count():
    session['count'] = session.get('count', 0) + 1
    return str(session['count'])


@application.route('/stream')
def stream():
    return Response(stream_with_context(f'part {number},' for number in range(3)))


@application.route('/moved')
def moved():
    return redirect('/hello/you', 303)


@application.route('/fail')
def fail():
    raise RuntimeError('the app failed')
'''

DJANGO = r'''
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY='for tests', ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'], USE_TZ=True,
    SESSION_ENGINE='django.contrib.sessions.backends.signed_cookies',
    MIDDLEWARE=['django.middleware.common.CommonMiddleware', 'django.contrib.sessions.middleware.SessionMiddleware'],
)


def hello(request, name):
    return HttpResponse(f'hello {name} at {request.build_absolute_uri()}')


def form(request):
    return HttpResponse(repr(sorted(request.POST.items())))


def upload(request):
    file = request.FILES['file']
    return HttpResponse(f'{file.name} {len(file.read())}')


def body(request):
    return HttpResponse(str(len(request.body)))


def count(request):
    request.session['count'] = request.session.get('count', 0) + 1
    return HttpResponse(str(request.session['count']))


def stream(request):
    return StreamingHttpResponse(f'part {number},' for number in range(3))


def moved(request):
    response = HttpResponseRedirect('/hello/you')
    response.status_code = 303
    return response


def file(request):
    return FileResponse(open(__file__, 'rb'), content_type='text/plain')


def fail(request):
    raise RuntimeError('the app failed')


urlpatterns = [path('hello/<name>', hello), *(path(view.__name__, view) for view in (form, upload, body, count, stream, moved, file, fail))]
application = get_wsgi_application()
'''


class Cases:
    app = None

    def start(self, **plan):
        self.loader = LoaderProcess({'passenger_wsgi.py': self.app}, options=(), **plan)
        self.addCleanup(self.loader.close)
        self.connection = self.loader.connect()

    def ask(self, path, **options):
        return self.loader.get(path, self.connection, **options)

    def test_one_request_at_a_time(self):
        self.start()
        self.use_everything()

    def test_several_threads(self):
        self.start(threads=3)
        self.use_everything()

    def use_everything(self):
        fields = {'HTTP_HOST': 'shop.example', 'HTTPS': 'on', 'SERVER_PORT': '443'}
        self.assertEqual(self.ask('/hello/you%20&%20m%C3%A9?x=1', **fields).body.decode(), f'hello you & m\xe9 at {self.url}')
        self.use_bodies()
        self.count_in_a_session()
        self.assertEqual(self.ask('/stream').body, b'part 0,part 1,part 2,')
        self.assertEqual(self.ask('/stream', method='HEAD').status, 200)
        moved = self.ask('/moved')
        self.assertEqual((moved.status, moved.headers['location']), (303, ['/hello/you']))
        self.assertEqual(self.ask('/fail').status, 500)
        self.assertIn(self.logged, self.loader.log())
        self.assertEqual(self.ask('/none').status, 404)
        os.kill(self.loader.pid, signal.SIGTERM)
        self.assertEqual(self.loader.wait(), 0)

    def use_bodies(self):
        urlencoded = {'CONTENT_TYPE': 'application/x-www-form-urlencoded'}
        self.assertEqual(self.ask('/form', method='POST', body=b'a=1&b=%C3%BC', **urlencoded).body.decode(), "[('a', '1'), ('b', '\xfc')]")
        file = b'--X\r\nContent-Disposition: form-data; name="file"; filename="big"\r\n\r\n' + b'z' * 300_000 + b'\r\n--X--\r\n'
        self.assertEqual(self.ask('/upload', method='POST', body=file, CONTENT_TYPE='multipart/form-data; boundary=X').body, b'big 300000')
        self.assertEqual(self.ask('/body', method='POST', body=b'z' * 300_000).body, b'300000')

    def count_in_a_session(self):
        cookie = {}
        for count in (b'1', b'2', b'3'):
            response = self.ask('/count', **cookie)
            cookie = {'HTTP_COOKIE': response.headers['set-cookie'][0].partition(';')[0]}
            self.assertEqual(response.body, count)


class FlaskTest(Cases, unittest.TestCase):
    app = FLASK
    logged = 'RuntimeError: the app failed'
    url = 'https://shop.example/hello/you%20%26%20m\xe9?x=1'

    def test_bodies_in_chunks_are_read(self):
        self.start()
        chunked = b'5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n'
        self.assertEqual(self.ask('/body', method='POST', body=chunked, HTTP_TRANSFER_ENCODING='chunked').body, b'8')


class DjangoTest(Cases, unittest.TestCase):
    app = DJANGO
    logged = ''  # Without DEBUG it sends mail instead.
    url = 'https://shop.example/hello/you%20&%20m%C3%A9?x=1'

    def test_files_are_sent_whole(self):
        self.start()
        self.assertEqual(self.ask('/file').body.decode(), DJANGO)


if __name__ == '__main__':
    unittest.main()
