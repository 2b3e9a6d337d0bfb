"""The view, its address and its application."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.plain.settings")
application = get_wsgi_application()

from django.urls import path  # noqa: E402
from rest_framework import generics, serializers  # noqa: E402

from tests.benchmarks.plain.models import Note  # noqa: E402


class NoteSerializer(serializers.ModelSerializer):
    class Meta:
        model = Note
        fields = "__all__"


class Notes(generics.CreateAPIView):
    queryset = Note._default_manager.all()
    serializer_class = NoteSerializer


urlpatterns = [path("notes", Notes.as_view())]
