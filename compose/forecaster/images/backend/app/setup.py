"""Creates the first user, where there is no user at all."""

import hashlib
import os
import secrets

import sqlalchemy as sa

from .database import engine, users


def hashed(password):
    salt = secrets.token_bytes(16)
    return salt.hex() + ":" + hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1).hex()


def main():
    with engine.begin() as connection:
        # Two set-ups at once must not both find the table empty.
        connection.execute(sa.text("LOCK TABLE users IN EXCLUSIVE MODE"))
        count = connection.scalar(sa.select(sa.func.count()).select_from(users))
        if count:
            print(f"setup: there are {count} users already; nothing to do")
            return
        connection.execute(users.insert().values(name="admin", password=hashed(os.environ["ADMIN_PASSWORD"])))
        print("setup: created the user admin")


if __name__ == "__main__":
    main()
