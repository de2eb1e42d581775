"""``manage.py grant_role S USER ROLE [ROLE ...]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.services.studies import ROLES, grant_roles


class Command(BaseCommand):
    help = "Gives an account roles in a study; refused where they would unblind each other."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("user")
        parser.add_argument("roles", nargs="+", choices=[role.removeprefix("is_") for role in ROLES])
        parser.add_argument("--code", default="", help="neutral name, such as R1")
        parser.add_argument("--by")

    def handle(self, *args: Any, **options: Any) -> None:
        user = actor_named(options["user"])
        if user is None:
            raise CommandError("Name an account.")
        with plain_refusals():
            role = grant_roles(
                study=study_named(options["study"]),
                user=user,
                roles=[f"is_{role}" for role in options["roles"]],
                code=options["code"],
                actor=actor_named(options["by"]),
                at=timezone.now(),
            )
        self.stdout.write(f"{user} is {role.code}.")
