"""People, for administrators, and the groups of administrators."""

from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, BaseUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from authserver.admin.base import ReadOnlyAdmin, RecordedAdmin, by_and_now
from authserver.admin.lists import LargeAdmin
from authserver.admin.reasons import ReasonedForm, given, reason_field
from authserver.services import events
from authserver.services.standing import groups, people


class PersonForm(ReasonedForm, UserChangeForm):
    pass


class PasswordForm(AdminPasswordChangeForm):
    reason = reason_field()


class PersonCreationForm(ReasonedForm, BaseUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")
        field_classes = {"email": forms.EmailField}

    def clean_email(self) -> str:
        return User.objects.normalize_email(self.cleaned_data["email"])


@admin.register(User)
class PersonAdmin(RecordedAdmin, LargeAdmin, UserAdmin):
    form = PersonForm
    add_form = PersonCreationForm
    change_password_form = PasswordForm
    change_form_template = "admin/change_form_with_acts.html"
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    begin_fields = ("email",)
    search_help_text = _("How an e-mail address begins, or a whole id.")
    sortable_by = ("email",)
    readonly_fields = ("id", "created_at", "last_login")
    fieldsets = (
        (None, {"fields": ("id", "email", "name", "password")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        people.save(obj, also=form.changed_data, **by_and_now(request))

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        before = self.get_object(request, id)
        answer = super().user_change_password(request, id, form_url)
        after = self.get_object(request, id)
        if before and after and before.password != after.password:
            with events.because(given(request)):
                people.save(after, also=["password"], **by_and_now(request))
        return answer

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Addresses go with their person; by themselves nobody removes them here."""
        shown, counts, lacking, kept = super().get_deleted_objects(objs, request)
        return shown, counts, lacking - {EmailAddress._meta.verbose_name}, kept

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        people.remove(obj, **by_and_now(request))


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(RecordedAdmin, DjangoGroupAdmin):
    """What groups of administrators may do here."""

    def save_model(self, request: HttpRequest, obj: Group, form: ModelForm, change: bool) -> None:
        groups.save(obj, changed=form.changed_data, **by_and_now(request))

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        groups.remove(obj, **by_and_now(request))


@admin.register(EmailAddress)
class EmailAddressAdmin(LargeAdmin, ReadOnlyAdmin):
    """Which addresses were confirmed. People change their own; an administrator renames the person."""

    list_display = ("email", "user", "primary", "verified")
    list_filter = ("verified",)
    list_select_related = ("user",)
    begin_fields = ("email",)
    search_help_text = _("How an e-mail address begins.")
    ordering = ("email",)
    sortable_by = ("email",)
