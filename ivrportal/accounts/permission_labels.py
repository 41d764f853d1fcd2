"""Display labels of a role's permissions."""

from django.contrib.auth.models import Group
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

VERBS = {
    "view": gettext_lazy("see"),
    "add": gettext_lazy("add"),
    "change": gettext_lazy("change"),
    "delete": gettext_lazy("delete"),
}


def labels_by_model(group: Group) -> list[tuple[str, str]]:
    """`(plural model name, "see, change, …")`, sorted by name. One query."""
    found: dict[str, list[tuple[int, str]]] = {}
    permissions = group.permissions.select_related("content_type").order_by("content_type_id", "pk")
    for permission in permissions:
        model = permission.content_type.model_class()
        if model is None:  # the model no longer exists
            continue
        verb, _rest = permission.codename.split("_", 1)
        is_plain = permission.codename == f"{verb}_{model._meta.model_name}" and verb in VERBS
        position, label = (
            (list(VERBS).index(verb), str(VERBS[verb]))
            if is_plain
            else (len(VERBS), _(permission.name).removeprefix("Can "))
        )
        found.setdefault(str(capfirst(model._meta.verbose_name_plural)), []).append((position, label))
    return sorted(
        (name, ", ".join(label for _position, label in sorted(labels))) for name, labels in found.items()
    )
