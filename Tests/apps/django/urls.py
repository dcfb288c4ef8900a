from django.contrib import admin
from django.urls import path

from notes import views

urlpatterns = [
    path('admin/', admin.site.urls),
    path('', views.index),
    path('up', views.up),
    path('version', views.version),
    path('process', views.process),
]
