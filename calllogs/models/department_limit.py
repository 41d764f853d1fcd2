"""The departments that a user is limited to."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class DepartmentLimit(models.Model):
    """One department that a user may see. A user without rows sees all; a user with rows sees only these."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="department_limits"
    )
    department = models.CharField(_("department"), max_length=100)

    class Meta:
        verbose_name = _("limit to a department")
        verbose_name_plural = _("limits to departments")
        ordering = ["department"]
        constraints = [
            models.UniqueConstraint(fields=["person", "department"], name="one_limit_for_a_department")
        ]

    def __str__(self) -> str:
        return self.department
