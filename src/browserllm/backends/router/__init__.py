"""Routing: choose the backend that answers a request, and the next one when it fails."""

from .breaker import Breaker as Breaker
from .candidate import Candidate as Candidate
from .candidate import Choice as Choice
from .candidate import Excluded as Excluded
from .candidate import Explanation as Explanation
from .policies import ByCapability as ByCapability
from .policies import CloudFirst as CloudFirst
from .policies import Custom as Custom
from .policies import Explicit as Explicit
from .policies import LeastCost as LeastCost
from .policies import LeastLatency as LeastLatency
from .policies import LocalFirst as LocalFirst
from .policies import LocalOnly as LocalOnly
from .policies import Policy as Policy
from .policies import RoundRobin as RoundRobin
from .router import Router as Router
