"""Organisations, their teams and people, and the keys of their programs.

An organisation is our side: the firm that uses the product. Nothing is ever read across organisations.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.roles import SCOPES, Role


def validate_time_zone(name: str) -> None:
    """Raises ValidationError for what is not an IANA time zone."""
    if name not in available_timezones():
        raise ValidationError(_("%(name)s is no time zone; an example is Europe/Berlin."), params={"name": repr(name)})


class Organisation(models.Model):
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])

    def __str__(self) -> str:
        return self.name


class Team(models.Model):
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="teams")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation", "slug"], name="team_slug")]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    use_in_migrations = True

    def create_user(
        self, email: str, password: str | None = None, *, organisation: Organisation, **fields: Any
    ) -> User:
        """Makes a login; without a password nobody can sign in with it until one is set."""
        user = self.model(email=email.strip().lower(), organisation=organisation, **fields)
        user.set_password(password)
        user.full_clean()
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Makes an administrator who also operates the installation; in the organisation ``default`` unless told."""
        fields.setdefault("role", Role.ADMINISTRATOR)
        if "organisation" not in fields:
            fields["organisation"] = Organisation.objects.get(slug="default")
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who may sign in, by e-mail address and password. What they may do follows from the role."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(max_length=200)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="users")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True, related_name="users")
    role = models.CharField(max_length=20, choices=Role.choices)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    is_active = models.BooleanField(_("may sign in"), default=True)
    is_staff = models.BooleanField(_("may use the admin"), default=True)
    is_superuser = models.BooleanField(
        _("operates the installation"),
        default=False,
        help_text=_("Sees what belongs to no organisation, such as jobs and refused sign-ins."),
    )
    has_generated_password = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["name"]

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case")
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()
        if self.team is not None and self.team.organisation_id != self.organisation_id:
            raise ValidationError({"team": _("This team belongs to another organisation.")})
        if self.role == Role.TEAM_LEAD and self.team is None:
            raise ValidationError({"team": _("A team lead needs a team.")})

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(raw_password)
        self.has_generated_password = False

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Django's permissions are for those who operate the installation; all else is decided by `accounts.roles`."""
        return self.is_active and self.is_superuser

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and (self.is_superuser or app_label in ("relationships", "accounts"))


# Looks a key up by prefix and digest of its secret.
Find = Callable[[str, bytes], "ApiKey | None"]


class ApiKey(models.Model):
    """A program's key. Only a digest of its secret is kept: what is lost is issued anew."""

    # Scanners for leaked secrets look for a fixed beginning.
    MARK: ClassVar = "rsk"
    USE_NOTED_EVERY: ClassVar = timedelta(minutes=1)

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="api_keys")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True, related_name="api_keys")
    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    key_hash = models.BinaryField(max_length=32, editable=False)
    scopes = ArrayField(models.CharField(max_length=40))
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def issue(
        cls,
        *,
        organisation: Organisation,
        name: str,
        scopes: Iterable[str],
        team: Team | None = None,
        expires_at: datetime | None = None,
        now: datetime,
    ) -> tuple[ApiKey, str]:
        """Makes a key and returns it with its secret, which can never be read again.

        Raises ValidationError for unknown or no scopes, a team of another organisation, or an expiry already past."""
        given = sorted(set(scopes))
        problems = {}
        if not given or (unknown := sorted(set(given) - set(SCOPES))):
            what = ", ".join(map(repr, unknown)) if given else "nothing"
            problems["scopes"] = f"{what} given; there are {', '.join(SCOPES)}"
        if team is not None and team.organisation_id != organisation.pk:
            problems["team"] = f"{team.slug!r} belongs to another organisation"
        if expires_at is not None and expires_at <= now:
            problems["expires_at"] = f"{expires_at.isoformat()} is already past"
        if problems:
            raise ValidationError(problems)
        prefix = secrets.token_hex(6)
        secret = f"{cls.MARK}_{prefix}_{secrets.token_urlsafe(32)}"
        key = cls.objects.create(
            organisation=organisation,
            team=team,
            name=name,
            prefix=prefix,
            key_hash=_digest(secret),
            scopes=given,
            created_at=now,
            expires_at=expires_at,
        )
        return key, secret

    @classmethod
    def of_secret(cls, secret: str, find: Find | None = None) -> tuple[ApiKey | None, bool]:
        """The key whose prefix a secret bears, if there is one, and whether the secret is that key's."""
        mark, _, rest = secret.partition("_")
        prefix = rest.partition("_")[0]
        key = None
        if mark == cls.MARK and len(prefix) == 12 and prefix.isascii() and prefix.isalnum():
            key = (find or cls._find)(prefix, _digest(secret))
        expected = bytes(key.key_hash) if key else bytes(32)
        return key, hmac.compare_digest(_digest(secret), expected) and key is not None

    @classmethod
    def authenticate(cls, secret: str, *, now: datetime, find: Find | None = None) -> ApiKey | None:
        """The key with this secret, if it is neither expired nor revoked. Notes its use, at most once a minute.

        `find` looks it up, with its organisation, by prefix and digest of the secret, where the caller has to ask the
        database something else as well; what it finds is judged here all the same."""
        key, fits = cls.of_secret(secret, find)
        if key is None or not fits or not key.is_usable(now=now):
            return None
        if key.last_used_at is None or now - key.last_used_at >= cls.USE_NOTED_EVERY:
            cls.objects.filter(pk=key.pk).update(last_used_at=now)
            key.last_used_at = now
        return key

    @classmethod
    def _find(cls, prefix: str, digest: bytes) -> ApiKey | None:
        return cls.objects.select_related("organisation").filter(prefix=prefix).first()

    def is_usable(self, *, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def revoke(self, *, now: datetime) -> None:
        """Takes effect with the next request; the first time counts."""
        if self.revoked_at is None:
            self.revoked_at = now
            self.save(update_fields=["revoked_at"])


class SecurityEntry(models.Model):
    """One line of the security log: who did what, when and from where. Triggers refuse every change.

    Written by `accounts.security.note` alone. It holds ids and addresses of machines, neither secrets nor the names,
    addresses or words of persons."""

    at = models.DateTimeField()
    # No choices: a new kind needs no migration. The kinds are those of accounts.security.KINDS.
    kind = models.CharField(max_length=40)
    # An id, not a foreign key: what is written stays, whatever becomes of the organisation.
    organisation_id = models.BigIntegerField(null=True, help_text="Null where nobody could tell.")
    actor = models.CharField(max_length=80, blank=True, help_text="A principal's label; empty where nobody could tell.")
    address = models.CharField(max_length=45, blank=True, help_text="The caller's, or empty for a command.")
    about = models.CharField(max_length=120, blank=True, help_text="What it was done to, such as key:ab12 or user:7.")
    details = models.JSONField(default=dict)
    times = models.IntegerField(
        default=1, help_text="How often in that minute from that address, when there were many."
    )
    request_id = models.CharField(max_length=128, blank=True)

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("security log")
        indexes = [
            models.Index(fields=["organisation_id", "-at"], name="security_latest"),
            models.Index(fields=["at"], name="security_at"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.kind}"


class RefusalWindow(models.Model):
    """How many refusals of a kind one address met in the minute that began at `starts_at`: one row each, reused."""

    address = models.CharField(max_length=45)
    kind = models.CharField(max_length=40)
    starts_at = models.DateTimeField()
    refusals = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address", "kind"], name="refusal_window_address")]

    def __str__(self) -> str:
        return f"{self.address} {self.kind} {self.refusals}"


def _digest(secret: str) -> bytes:
    # A fast hash is right here: 256 random bits cannot be guessed, and every request pays for it.
    return hashlib.sha256(secret.encode(errors="replace")).digest()
