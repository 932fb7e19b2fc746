"""What to do: pull, resolve, plan, guard, push, undo, over one store. Names no platform."""
