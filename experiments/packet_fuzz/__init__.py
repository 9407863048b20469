"""Made-up packets through the compiled programs: none may crash, hang, or change what it should not."""
