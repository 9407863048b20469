"""`rackplane bench switch`: what compiled P4 programs cost, beside a bare redirect and beside BMv2."""
