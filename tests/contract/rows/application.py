"""The application with these models, as a module for ``ringfence database``."""

import os

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ringfence import Database, Ringfence
from tests.contract.rows.models import COMMON, RESOURCES

engine = create_async_engine(os.environ["ROWS_URL"], poolclass=NullPool)
app = Ringfence(FastAPI(), database=Database(engine, RESOURCES, common=COMMON))
