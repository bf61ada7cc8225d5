"""A kernel whose executions say which cell they are, as JupyterLab's do."""

import ast
import json

from jupyter_client.manager import start_new_kernel


class Kernel:
    """Runs cells in an own process; a context manager."""

    def __enter__(self):
        self.manager, self.client = start_new_kernel(kernel_name="python3", startup_timeout=120)
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code, cell="cell", expression="None"):
        """Run a cell to its end, and return an expression's value afterwards."""
        wanted = {"value": f"__import__('json').dumps({expression})"}
        content = {"code": code, "silent": False, "store_history": bool(code), "user_expressions": wanted}
        content |= {"allow_stdin": False, "stop_on_error": True}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell})
        self.client.shell_channel.send(message)
        while True:
            reply = self.client.shell_channel.get_msg(timeout=300)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                break
        assert reply["content"]["status"] == "ok", "\n".join(reply["content"]["traceback"])
        value = reply["content"]["user_expressions"]["value"]
        assert value["status"] == "ok", value
        return json.loads(ast.literal_eval(value["data"]["text/plain"]))
