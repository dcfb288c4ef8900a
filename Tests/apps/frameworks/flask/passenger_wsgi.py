from pathlib import Path

from flask import Flask, render_template_string, request, session

application = Flask(__name__)
# A test's, and nobody's secret.
application.secret_key = 'flask' * 10
VERSION = (Path(__file__).parent / 'version.txt').read_text()


@application.get('/')
def index():
    return render_template_string('<h1>Hello from {{ version }}</h1>', version=VERSION.strip())


@application.get('/up')
def up():
    return 'up\n'


@application.get('/version')
def version():
    return VERSION


@application.get('/visits')
def visits():
    session['visits'] = session.get('visits', 0) + 1
    return str(session['visits'])


@application.post('/upload')
def upload():
    file = request.files['file']
    return {'name': file.filename, 'bytes': len(file.read())}
