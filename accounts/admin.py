"""Screens for people, teams and API keys. Nobody is deleted: the log names who recorded what."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import ForeignKey, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm

from accounts import security
from accounts.forms import NewKeyForm, NewUserForm, UserForm
from accounts.models import ApiKey, SecurityEntry, Team, User
from accounts.roles import Role
from accounts.screens import ReadOnly, lets_people_in, principal_of, sees_everything, user_of

# Rights follow from the role (`accounts.roles`); Django's groups would promise what they do not do.
admin.site.unregister(Group)


class OfOurs(ModelAdmin):
    """Administrators, within their own organisation; nothing is deleted."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return lets_people_in(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return lets_people_in(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return lets_people_in(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return lets_people_in(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        everybodys: QuerySet[Any] = super().get_queryset(request)
        return everybodys.filter(organisation=user_of(request).organisation_id)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField | None:
        if db_field.name == "team":
            kwargs["queryset"] = Team.objects.filter(organisation=user_of(request).organisation_id)
        field: forms.ModelChoiceField | None = super().formfield_for_foreignkey(db_field, request, **kwargs)
        return field

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: type[forms.ModelForm] = super().get_form(request, obj, change=change, **kwargs)
        organisation = user_of(request).organisation

        class Ours(form):  # type: ignore[misc,valid-type]
            """The same form, for the organisation of whoever fills it in."""

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                if self.instance.pk is None:
                    self.instance.organisation = organisation

        return Ours


@admin.register(User)
class UserAdmin(DjangoUserAdmin, OfOurs):  # type: ignore[misc]
    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("name", "email", "shown_role", "team", "time_zone", "shown_state", "last_login")
    list_filter = ("role", "team", "is_active")
    list_select_related = ("team",)
    search_fields = ("name", "email")
    ordering = ("name",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("What they see and do"), {"fields": ("role", "team", "is_active")}),
        (_("When"), {"fields": ("time_zone", "last_login", "created_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "role", "team", "time_zone")}),
        (_("Password"), {"fields": ("usable_password", "password1", "password2")}),
    )

    @admin.display(description=_("role"), ordering="role")
    def shown_role(self, user: User) -> str:
        return user.get_role_display()

    @display(description=_("state"), label={"may sign in": "success", "switched off": "danger"})  # type: ignore[untyped-decorator]
    def shown_state(self, user: User) -> str:
        return "may sign in" if user.is_active else "switched off"

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        before = User.objects.get(pk=obj.pk) if change else None
        super().save_model(request, obj, form, change)
        known = security.rights_of(before) if before else {}
        changed = {name: value for name, value in security.rights_of(obj).items() if (name, value) not in known.items()}
        if before and before.email != obj.email:
            changed["email"] = "changed"  # who may sign in, without saying under which address
        if changed:
            kind = "rights_changed" if change else "person_added"
            now, principal = timezone.now(), principal_of(request)
            security.note_person(kind, obj, now=now, principal=principal, details=changed)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response: HttpResponse = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            about = f"user:{id}"
            security.note("password_changed", now=timezone.now(), principal=principal_of(request), about=about)
        return response

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # Whoever could set an operator's password would be one.
        protected = obj is not None and obj.is_superuser and not user_of(request).is_superuser
        return super().has_change_permission(request, obj) and not protected

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        # Nobody can lock themselves out.
        own = ("role", "is_active") if obj is not None and obj.pk == user_of(request).pk else ()
        return (*self.readonly_fields, *own)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        usual = {"role": Role.ACCOUNT_MANAGER, "time_zone": user_of(request).organisation.time_zone}
        return {**usual, **super().get_changeform_initial_data(request)}


@admin.register(Team)
class TeamAdmin(OfOurs):
    list_display = ("name", "slug", "people")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).prefetch_related("users")

    @admin.display(description=_("people"))
    def people(self, team: Team) -> str:
        return ", ".join(sorted(str(user) for user in team.users.all())) or "nobody yet"


@admin.register(ApiKey)
class ApiKeyAdmin(OfOurs):
    """A key is issued and revoked; in between nothing about it changes."""

    list_display = ("name", "prefix", "shown_scopes", "team", "shown_state", "expires_at", "last_used_at")
    list_filter = ("team",)
    list_select_related = ("team",)
    search_fields = ("name", "prefix")
    ordering = ("-created_at",)

    @admin.display(description=_("may"))
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description=_("state"), label={"usable": "success", "expired": "warning", "revoked": "danger"})  # type: ignore[untyped-decorator]
    def shown_state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "usable" if key.is_usable(now=timezone.now()) else "expired"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        revoke = path(
            "<int:key_id>/revoke/", self.admin_site.admin_view(self.revoke_view), name="accounts_apikey_revoke"
        )
        return [revoke, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Issues a key and shows its secret in the answer itself: it is kept nowhere, not even in a session."""
        if not self.has_add_permission(request):
            raise Http404
        form = NewKeyForm(user_of(request).organisation, request.POST or None)
        issued = form.issue(now=timezone.now()) if form.is_valid() else None
        if issued is not None:
            key = issued[0]
            self.log_addition(request, key, [{"added": {}}])
            security.note_key("key_issued", key, now=key.created_at, principal=principal_of(request))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Issue an API key",
            "form": form,
            "key": issued[0] if issued else None,
            "secret": issued[1] if issued else None,
        }
        return TemplateResponse(
            request,
            "accounts/api_key_new.html",
            context,
            status=422 if request.method == "POST" and issued is None else 200,
            headers={"Cache-Control": "no-store"},
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        key = self._key(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": key.name,
            "key": key,
            "state": self.shown_state(key),
        }
        return TemplateResponse(request, "accounts/api_key.html", context)

    def revoke_view(self, request: HttpRequest, key_id: int) -> HttpResponse:
        """Revokes a key, by POST."""
        key = self._key(request, str(key_id))
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        now = timezone.now()
        key.revoke(now=now)
        security.note_key("key_revoked", key, now=now, principal=principal_of(request))
        self.log_change(request, key, "Revoked.")
        messages.success(request, f"{key.name} is revoked: its next request is refused.")
        return HttpResponseRedirect(reverse("admin:accounts_apikey_changelist"))

    def _key(self, request: HttpRequest, key_id: str) -> ApiKey:
        key: ApiKey | None = self.get_object(request, key_id)
        if key is None or not self.has_view_permission(request):
            raise Http404
        return key


class Kind(admin.SimpleListFilter):
    """By what was done."""

    title = _("what")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(security.KINDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(SecurityEntry)
class SecurityEntryAdmin(ReadOnly, ModelAdmin):
    """Who came in, was refused, changed rights or took something out, for administrators and auditors.

    What belongs to no organisation, such as a sign-in that failed, is for those who operate the installation."""

    open_to = staticmethod(sees_everything)
    list_display = ("at", "shown_kind", "actor", "about", "address", "shown_details", "times")
    list_filter = (Kind, "at")
    search_fields = ("actor", "about", "address", "request_id")
    search_help_text = _("Find by actor (user:7, key:ab12…), object, address or request id")
    ordering = ("-at", "-id")
    list_per_page = 50
    show_full_result_count = False
    fields = ("at", "shown_kind", "actor", "about", "address", "shown_details", "times", "request_id")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[SecurityEntry]:
        ours = Q(organisation_id=user_of(request).organisation_id)
        if user_of(request).is_superuser:
            ours |= Q(organisation_id=None)
        everybodys: QuerySet[SecurityEntry] = super().get_queryset(request)
        return everybodys.filter(ours)

    @admin.display(description=_("what"), ordering="kind")
    def shown_kind(self, entry: SecurityEntry) -> str:
        return security.KINDS.get(entry.kind, entry.kind)

    @admin.display(description=_("details"))
    def shown_details(self, entry: SecurityEntry) -> str:
        return ", ".join(f"{name} {value}" for name, value in entry.details.items())
