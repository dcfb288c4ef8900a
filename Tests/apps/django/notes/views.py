import os

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from .models import Note

LOADED_BY = os.getpid()
# Read once: a worker tells which release it was booted from.
VERSION = (settings.BASE_DIR / 'version.txt').read_text()


@csrf_exempt
def index(request):
    if request.method == 'POST':
        Note.objects.create(text=request.POST['text'])
        return HttpResponse(status=201)
    return render(request, 'notes.html', {'notes': Note.objects.order_by('id')[:50]})


def up(request):
    return HttpResponse('up\n', content_type='text/plain')


def version(request):
    return HttpResponse(VERSION, content_type='text/plain')


def process(request):
    """Which process this is, and which one loaded the app."""
    return HttpResponse(f'{os.getpid()} {LOADED_BY}', content_type='text/plain')
