"""`rackplane bench memory`: what an access to rack memory costs, beside what the links alone cost."""
