"""An extra network of its own kind: `<shout:word:2>` in a prompt."""

from modules import extra_networks, script_callbacks

heard = []


class ExtraNetworkShout(extra_networks.ExtraNetwork):
    def __init__(self):
        super().__init__("shout")

    def activate(self, p, params_list):
        for params in params_list:
            assert params.items
            word = params.positional[0]
            times = (
                float(params.positional[1])
                if len(params.positional) > 1
                else float(params.named.get("times", 1))
            )
            heard.append([word, times])
        if params_list:
            p.extra_generation_params["Shouted"] = " ".join(params.items[0] for params in params_list)

    def deactivate(self, p):
        heard.append("quiet")


def before_ui():
    extra_networks.register_extra_network(ExtraNetworkShout())


def on_app_started(demo, app):
    @app.get("/shout-network")
    def read():
        answer, heard[:] = list(heard), []
        return answer


script_callbacks.on_before_ui(before_ui)
script_callbacks.on_app_started(on_app_started)
