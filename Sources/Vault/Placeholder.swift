import JWTKit
import Crypto
enum Placeholder {}
