"""The tags of a repository, page by page (distribution-spec v1.1, "Listing Tags")."""

from __future__ import annotations

from docker_push.errors import RegistryError
from docker_push.references import Repository, Tag
from docker_push.registry.endpoint import Endpoint
from docker_push.registry.manifests import MANIFEST_LIMIT, json_object
from docker_push.registry.transport import Request, Response

_OK, _NOT_FOUND = 200, 404
_PAGE = 1000  # tags asked for at once
_MOST_PAGES = 1000


def tags(endpoint: Endpoint, repository: Repository) -> tuple[str, ...]:
    """Return the names of all tags; none where there is no such repository; raises RegistryError for endless pages."""
    url = endpoint.url(repository, f"tags/list?n={_PAGE}")
    request = Request(purpose=f"list the tags of {repository}", method="GET", url=url, limit=MANIFEST_LIMIT)
    found: dict[str, None] = {}
    for _ in range(_MOST_PAGES):
        response = endpoint.ask(request, repository, {_OK, _NOT_FOUND})
        if response.status == _NOT_FOUND:
            endpoint.check_absent(request, response)
            return ()
        found.update(dict.fromkeys(filter(Tag.is_valid, _names(endpoint, request, response))))
        following = endpoint.next_page(request, response)
        if following is None:
            return tuple(found)
        request = following
    hint = "Delete tags that nobody needs."
    raise RegistryError(f"cannot {request.purpose}: there are more than {_MOST_PAGES} pages of them", hint=hint)


def _names(endpoint: Endpoint, request: Request, response: Response) -> list[str]:
    content = json_object(response.body) if response.complete else None
    names = None if content is None else content.get("tags") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        hint = f"Check that {endpoint.registry} is a container registry."
        raise RegistryError(f"cannot {request.purpose}: the answer is not a list of tags", hint=hint)
    return names
