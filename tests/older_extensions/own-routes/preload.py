def preload(parser):
    parser.add_argument("--own-routes-word", type=str, help="a word", default="hello")
