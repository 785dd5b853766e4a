"""What access rests on: handles, people, what the catalog offers. Each change is recorded and told to the resource
servers that remember answers, in its own transaction; introspection asks it live anyway."""
