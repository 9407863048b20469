"""The constraint language of @entry_restriction and @action_restriction (p4-constraints), parsed and evaluated."""
