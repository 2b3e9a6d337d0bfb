"""Forms behind the screens for people, teams and keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserChangeForm as UnfoldUserChangeForm
from unfold.forms import UserCreationForm as UnfoldUserCreationForm
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import ApiKey, Organisation, Team, User
from accounts.roles import MEANINGS


class NewUserForm(UnfoldUserCreationForm):
    """A new login; the organisation is that of whoever makes it, set on the instance by the screen."""

    class Meta:
        model = User
        fields = ("email", "name", "role", "team", "time_zone")
        field_classes: ClassVar[dict[str, Any]] = {}


class UserForm(UnfoldUserChangeForm):
    """A login as it is. The password has a page of its own."""

    class Meta:
        model = User
        fields = ("email", "name", "role", "team", "time_zone", "is_active", "password")
        field_classes: ClassVar[dict[str, Any]] = {}


_READING = ("events:read", "clients:read", "reports:read")


class NewKeyForm(forms.Form):
    """What a new API key is to be called, may do and see, and for how long."""

    name = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True}),
        help_text=_("Which program uses it, so that its lines in the log can be told apart."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("May"),
        choices=[(scope, format_lazy("{} – {}", scope, meaning)) for scope, meaning in MEANINGS.items()],
        initial=_READING,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "Give no more than the program needs. Without text:read it gets no names, addresses or words of persons."
        ),
    )
    team = forms.ModelChoiceField(
        Team.objects.none(),
        required=False,
        empty_label=_("all clients"),
        label=_("Limited to"),
        widget=UnfoldAdminSelectWidget,
        help_text=_("A key limited to a team sees the clients owned by its people."),
    )
    days = forms.IntegerField(
        label=_("Valid for days"),
        min_value=1,
        max_value=3650,
        required=False,
        initial=365,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Empty: until it is revoked."),
    )

    def __init__(self, organisation: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organisation = organisation
        team = self.fields["team"]
        assert isinstance(team, forms.ModelChoiceField)
        team.queryset = Team.objects.filter(organisation=organisation).order_by("name")

    def issue(self, *, now: datetime) -> tuple[ApiKey, str] | None:
        """The new key and its secret; None, with the form's errors, if it is refused."""
        given = self.cleaned_data
        try:
            return ApiKey.issue(
                organisation=self.organisation,
                name=given["name"],
                scopes=given["scopes"],
                team=given["team"],
                expires_at=now + timedelta(days=given["days"]) if given["days"] else None,
                now=now,
            )
        except ValidationError as refused:
            self.add_error(None, refused.messages)
            return None
