"""`hf://owner/name?subset=…&split=…` or `ms://owner/name` -> rows of a data set on Hugging Face or ModelScope.

Mirror, proxy and token come from the environment (HF_ENDPOINT, HTTPS_PROXY, HF_TOKEN), never from the row or the spec.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from workbench.data.rows import Row, Rows
from workbench.errors import UserError

SCHEMES = ("hf://", "ms://")


def is_hub(path: object) -> bool:
    return str(path).startswith(SCHEMES)


def read_rows(address: str) -> Rows:
    """Rows of a data set by name; split may be a slice (`train[:1000]`, `train[10%:20%]`).

    Raises UserError: no such data set, gated without a token, no network, or the library of the hub is missing.
    """
    parts = urlsplit(address)
    name = f"{parts.netloc}{parts.path}".strip("/")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    unknown = set(query) - {"subset", "split", "revision"}
    if unknown or name.count("/") > 1 or not name:
        raise UserError("data.bad_address", value=address)
    load = _huggingface if parts.scheme == "hf" else _modelscope
    data = load(name, query.get("subset"), query.get("split", "train"), query.get("revision"), address)
    return Rows(_numbered(data), "", "hub")


def _numbered(data: Iterable[Any]) -> Iterator[Row]:
    for number, value in enumerate(data, 1):
        yield Row(number, None, value)


def _huggingface(name: str, subset: str | None, split: str, revision: str | None, address: str) -> Iterable[Any]:
    import datasets
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        # Scripts of data sets are code: datasets 5 does not run them, and nothing here asks for it.
        return datasets.load_dataset(name, subset, split=split, revision=revision)
    except GatedRepoError:
        raise UserError("data.gated", name=name, endpoint=endpoint) from None
    except (RepositoryNotFoundError, datasets.exceptions.DatasetNotFoundError):
        raise UserError("data.no_dataset", name=name, endpoint=endpoint) from None
    except ValueError as error:  # an unknown subset or split; the message lists the known ones
        raise UserError("data.bad_split", name=name, why=_line(error)) from None
    except (HfHubHTTPError, OSError) as error:
        raise UserError("data.no_network", name=name, endpoint=endpoint, why=_line(error)) from None


def _modelscope(name: str, subset: str | None, split: str, revision: str | None, address: str) -> Iterable[Any]:
    try:
        from modelscope.msdatasets import MsDataset
    except ImportError:
        raise UserError("data.modelscope_missing", name=name) from None
    try:
        found = MsDataset.load(name, subset_name=subset or "default", split=split, version=revision or "master")
    except Exception as error:  # the library raises requests', its own and ValueError alike
        raise UserError("data.no_network", name=name, endpoint="https://modelscope.cn", why=_line(error)) from None
    return found if isinstance(found, Iterable) else found.to_hf_dataset()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
