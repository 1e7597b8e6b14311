// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A synthetic token of a gateway: ERC-20 with EIP-2612 permits and 6 decimals
/// @notice Only the gateway mints and burns. It burns only what its caller holds, so it needs no allowance.
contract Synthetic is ERC20Permit {
    address public immutable GATEWAY;

    error NotGateway();

    modifier onlyGateway() {
        if (msg.sender != GATEWAY) revert NotGateway();
        _;
    }

    constructor(string memory name, string memory symbol, address gateway) ERC20(name, symbol) ERC20Permit(name) {
        // slither-disable-next-line missing-zero-check (nobody could mint: an empty token, not a loss)
        GATEWAY = gateway;
    }

    function mint(address to, uint256 amount) external onlyGateway {
        _mint(to, amount);
    }

    function burn(address from, uint256 amount) external onlyGateway {
        _burn(from, amount);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
