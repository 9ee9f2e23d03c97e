"""Templates of the account."""

from __future__ import annotations

from newfuse.sandbox.mailchimp import problems
from newfuse.sandbox.mailchimp.body import decode
from newfuse.sandbox.mailchimp.content import sections
from newfuse.sandbox.mailchimp.paging import page
from newfuse.sandbox.mailchimp.state import JSON, State, Template, iso
from newfuse.sandbox.vendor import VendorRequest

MAX_NAME_CHARS = 50  # spec, POST /templates `name`


class Templates:
    """The templates resource."""

    def __init__(self, state: State) -> None:
        """Work on `state`."""
        self._state = state

    def get_all(self, request: VendorRequest) -> JSON:
        """GET /templates; `type` is `user`, `base` or `gallery`, of which the sandbox has `user` ones."""
        rows = list(self._state.templates.values()) if request.param("type") in {None, "user"} else []
        return {"templates": [_describe(row) for row in page(request, rows)], "total_items": len(rows)}

    def get(self, request: VendorRequest, template_id: str) -> JSON:
        """GET /templates/{template_id}."""
        return _describe(self._find(template_id))

    def default_content(self, request: VendorRequest, template_id: str) -> JSON:
        """GET /templates/{template_id}/default-content: the editable sections."""
        return {"sections": sections(self._find(template_id).html)}

    def post(self, request: VendorRequest) -> JSON:
        """POST /templates."""
        data = decode(
            request,
            required=("name", "html"),
            kinds={"name": "string", "html": "string", "folder_id": "string"},
        )
        if len(data["name"]) > MAX_NAME_CHARS:
            message = f"This value is too long. It should have {MAX_NAME_CHARS} characters or less."
            raise problems.invalid_resource([("name", message)])
        now = self._state.now()
        number = self._state.ids.number("template")
        template = Template(number, data["name"], data["html"], now, now, data.get("folder_id", ""))
        self._state.templates[number] = template
        return _describe(template)

    def delete(self, request: VendorRequest, template_id: str) -> None:
        """DELETE /templates/{template_id}: campaigns keep the content they took from it."""
        del self._state.templates[self._find(template_id).id]

    def _find(self, template_id: str) -> Template:
        template = self._state.templates.get(int(template_id)) if template_id.isdecimal() else None
        if template is None:
            raise problems.resource_not_found()
        return template


def _describe(template: Template) -> JSON:
    return {
        "id": template.id,
        "type": "user",
        "name": template.name,
        "drag_and_drop": False,
        "responsive": False,
        "category": "",
        "date_created": iso(template.created),
        "date_edited": iso(template.edited),
        "created_by": "Sandbox",
        "edited_by": "Sandbox",
        "active": True,
        "folder_id": template.folder_id,
        "thumbnail": "",
        "share_url": "",
        "content_type": "template",
    }
